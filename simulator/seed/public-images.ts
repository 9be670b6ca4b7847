import { publicOwner } from '../cvm/images';
import { type System } from '../state/records';
import { type World } from '../state/world';
import { longAgo } from '../vpc/networks';

const linux = (platform: string, osName: string, user = 'root'): System => ({
  platform,
  osName,
  windows: false,
  architecture: 'x86_64',
  user,
});
const windows = (osName: string): System => ({
  platform: 'Windows',
  osName,
  windows: true,
  architecture: 'x86_64',
  user: 'Administrator',
});

/** The public images, the same in every region. The last of each kind is the youngest. */
export const publicImages: readonly (readonly [id: string, system: System, size: number])[] = [
  ['img-centos79', linux('CentOS', 'CentOS 7.9 64bit'), 20],
  ['img-debian12', linux('Debian', 'Debian 12 64bit'), 20],
  ['img-tlinux31', linux('TencentOS', 'TencentOS Server 3.1 (TK4)'), 20],
  ['img-ubuntu22', linux('Ubuntu', 'Ubuntu Server 22.04 LTS 64bit', 'ubuntu'), 20],
  ['img-ubuntu24', linux('Ubuntu', 'Ubuntu Server 24.04 LTS 64bit', 'ubuntu'), 20],
  ['img-win2019d', windows('Windows Server 2019 Datacenter 64bit EN'), 50],
  ['img-win2022d', windows('Windows Server 2022 Datacenter 64bit EN'), 50],
];

/** The public image that seeded instances run. */
export function defaultImage(os: 'linux' | 'windows'): { id: string; system: System } {
  const [id, system] = publicImages.find(([id]) => id === (os === 'windows' ? 'img-win2022d' : 'img-ubuntu24'))!;
  return { id, system };
}

/** Puts the public images into the world. */
export function seedPublicImages(world: World): void {
  for (const [id, system, size] of publicImages) {
    world.images.put({
      id,
      account: publicOwner,
      region: '',
      createdAt: longAgo,
      hiddenUntil: 0,
      tags: {},
      name: system.osName,
      description: `${system.osName}, by Tencent Cloud`,
      state: 'NORMAL',
      system,
      size,
      source: 'OFFICIAL',
      family: '',
      deprecated: false,
      encrypted: false,
      snapshots: [],
      shares: [],
      keyIds: [],
      instanceId: null,
      doneAt: longAgo,
    });
  }
}
