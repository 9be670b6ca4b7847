import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type Connected, listBuildsAndReleases, startBuild, startRelease } from '../../client';
import { until } from '../support/judge';
import { startTestTemporal, type TestTemporal } from '../support/temporal';
import { Terminal } from '../support/terminal';

const main = path.resolve(__dirname, '../../client/main.js');
const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-completion-'));
const bin = path.join(folder, 'bin');
const shells = ['bash', 'zsh', 'fish'];
const verbs = [
  ...[
    'build',
    'list',
    'show',
    'watch',
    'cancel',
    'open',
    'retry',
    'pause',
    'resume',
    'extend',
    'launch',
    'launches',
    'images',
  ],
  ...['delete', 'sweep', 'doctor', 'schema', 'completion', 'worker', 'dev'],
];

/** What is typed, and what is offered: only that, or that among others. */
const typed: [words: string, completions: string[], only?: 'only'][] = [
  ['', verbs],
  ['bu', ['build'], 'only'],
  ['build --meth', ['--method'], 'only'],
  ['build --method ', ['instance', 'snapshots'], 'only'],
  ['build --region ap-guangzhou --data-disks ', ['snapshot', 'include', 'none'], 'only'],
  ['build --detach --on-failure c', ['cleanup'], 'only'],
  ['build --image-name list --launch-ch', ['--launch-charge-type'], 'only'],
  ['build --deadline poll', ['pollImage='], 'only'],
  ['image ', ['show'], 'only'],
  ['image show --js', ['--json'], 'only'],
  ['retry --launch-charge-type S', ['SPOTPAID'], 'only'],
  ['list --a', ['--address', '--all'], 'only'],
  ['cancel x --w', ['--wait'], 'only'],
  ['completion ', ['bash', 'zsh', 'fish'], 'only'],
];

describe('completion', () => {
  let temporal: TestTemporal;
  let connected: Connected;
  let buildId: string;
  let releaseId: string;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    temporal = await startTestTemporal();
    connected = await connect(temporal);
    const image = { name: 'web: the "best"' };
    const build = await startBuild(connected.client, { region: 'ap-guangzhou', instanceId: 'ins-compl001', image });
    ({ buildId } = build);
    const pipeline = { region: 'ap-guangzhou', family: 'web', source: { instanceId: 'ins-compl002' } };
    releaseId = (await startRelease(connected.client, pipeline)).buildId;
    // Visibility follows by a moment.
    await until(async () => ((await listBuildsAndReleases(connected.client)).length > 1 ? true : undefined));
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'cvm-image'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
    chmodSync(path.join(bin, 'cvm-image'), 0o755);
    writeFileSync(path.join(folder, 'spec with blank.yaml'), '');
    for (const shell of shells) writeFileSync(path.join(folder, `${shell}-completion`), script(shell));
    env = {
      PATH: `${bin}:${process.env.PATH ?? ''}`,
      HOME: folder,
      LANG: 'C.UTF-8',
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
    };
  });
  after(async () => {
    await connected.close();
    await temporal.stop();
    rmSync(folder, { recursive: true });
  });

  const script = (shell: string) => execFileSync(process.execPath, [main, 'completion', shell], { encoding: 'utf8' });
  const has = (shell: string) => spawnSync(shell, ['-c', 'exit 0']).status === 0;
  const check = (words: string, found: string[], wanted: string[], only?: string) => {
    if (only) assert.deepEqual([...found].sort(), [...wanted].sort(), words);
    else for (const one of wanted) assert.ok(found.includes(one), `${words}: ${found.join(' ')}`);
  };

  describe('in bash', { skip: !has('bash') && 'there is no bash' }, () => {
    /** What bash would offer, with the words as bash itself splits a line. */
    function complete(line: string): string[] {
      const words = `cvm-image ${line}`.split(/\s+|(?==)|(?<==)/);
      const program = [
        'source bash-completion',
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cvm_image; printf "%s\\n" "${COMPREPLY[@]}"',
      ].join('\n');
      const out = execFileSync('bash', ['--norc', '-c', program, 'bash', ...words], {
        env,
        cwd: folder,
        encoding: 'utf8',
      });
      return out.split('\n').filter((one) => one !== '');
    }

    for (const [words, wanted, only] of typed) {
      test(`cvm-image ${words}`, () => check(words, complete(words), wanted, only));
    }

    test('values after an equals sign, files and builds', () => {
      check('=', complete('build --method=s'), ['snapshots'], 'only');
      check('=', complete('build --method='), ['instance', 'snapshots'], 'only');
      check('=', complete('build --deadline pollImage='), [], 'only');
      check('=', complete('build --deadline pollImage=90m --sys'), ['--sysprep'], 'only');
      check('file', complete('build --spec spec'), ['spec with blank.yaml'], 'only');
      check('build', complete('show '), [buildId, releaseId], 'only');
      check('release', complete(`release show ${releaseId.slice(0, 10)}`), [releaseId], 'only');
      check('build', complete(`cancel --wait ${buildId.slice(0, 4)}`), [buildId], 'only');
    });

    test('at the prompt, with the Tab key', async () => {
      const rc = path.join(folder, 'bashrc');
      writeFileSync(rc, 'PS1="> "\nsource <(cvm-image completion bash)\n');
      const terminal = new Terminal('bash', ['--noprofile', '--rcfile', rc, '-i'], {
        columns: 160,
        env: { ...env, TERM: 'xterm' },
      });
      try {
        await terminal.shows(/^> $|^>$/m);
        terminal.type('cvm-image bu\t--meth\tsn\t--detach --dead\tundo\t');
        await terminal.shows('> cvm-image build --method snapshots --detach --deadline undo=');
        terminal.type('1d --stop-type=H\t');
        await terminal.shows('--deadline undo=1d --stop-type=HARD');
      } finally {
        await terminal.close();
      }
    });
  });

  describe('in zsh', { skip: !has('zsh') && 'there is no zsh' }, () => {
    test('at the prompt, with the Tab key', async () => {
      const rc = [
        'PS1="> "',
        'autoload -Uz compinit && compinit -u -D',
        'source <(cvm-image completion zsh)',
        'setopt list_packed',
        '',
      ];
      writeFileSync(path.join(folder, '.zshrc'), rc.join('\n'));
      const terminal = new Terminal('zsh', ['-i'], {
        columns: 160,
        rows: 60,
        cwd: folder,
        env: { ...env, ZDOTDIR: folder, TERM: 'xterm' },
      });
      try {
        await terminal.shows(/^>/m);
        // Zsh completes only when nothing else waits to be read.
        const steps: [typed: string, line: string][] = [
          ['cvm-image bu\t', 'build '],
          ['--meth\t', 'build --method '],
          ['sn\t', 'build --method snapshots '],
          ['--dead\t', 'build --method snapshots --deadline '],
          ['undo\t', 'build --method snapshots --deadline undo='],
          ['1d --stop-type=H\t', 'build --method snapshots --deadline undo=1d --stop-type=HARD'],
        ];
        for (const [keys, line] of steps) {
          terminal.type(keys);
          await terminal.shows(`> cvm-image ${line.trim()}`);
        }
        terminal.type('--spec spec\t');
        await terminal.shows('spec\\ with\\ blank.yaml');
        terminal.type('\x15cvm-image show \t');
        await terminal.shows(buildId);
        terminal.type('\x15cvm-image list --a\t\t');
        await terminal.shows(/--all +-- all that Temporal knows/);
      } finally {
        await terminal.close();
      }
    });
  });

  describe('in fish', { skip: !has('fish') && 'there is no fish' }, () => {
    const complete = (line: string) =>
      execFileSync(
        'fish',
        ['--no-config', '-c', `source $argv[1]; complete -C $argv[2]`, 'fish-completion', `cvm-image ${line}`],
        {
          env,
          cwd: folder,
          encoding: 'utf8',
        },
      )
        .split('\n')
        .filter((one) => one !== '')
        .map((one) => one.split('\t')[0]!);

    test('the same as in bash', () => {
      for (const [words, wanted, only] of typed) check(words, complete(words), wanted, only);
      check('=', complete('build --method=s'), ['--method=snapshots'], 'only');
      check('file', complete('build --spec spec'), ['spec with blank.yaml'], 'only');
      check('build', complete('show '), [buildId, releaseId], 'only');
      check('release', complete(`release show ${releaseId.slice(0, 10)}`), [releaseId], 'only');
    });
  });

  test('every script knows every verb and every flag that help shows', () => {
    const help = (...verb: string[]) => execFileSync(process.execPath, [main, ...verb, '--help'], { encoding: 'utf8' });
    for (const verb of verbs) {
      const flags = verb === 'worker' || verb === 'dev' ? [] : [...help(verb).matchAll(/^ {2}(?:-\w, )?--([\w-]+)/gm)];
      for (const shell of shells) {
        const text = readFileSync(path.join(folder, `${shell}-completion`), 'utf8');
        assert.ok(text.includes(verb), `${shell}: ${verb}`);
        for (const [, flag] of flags) {
          assert.ok(text.includes(shell === 'fish' ? `-l ${flag!}` : `--${flag!}`), `${shell}: ${verb} --${flag!}`);
        }
        assert.ok(!text.includes('--debug'), 'what is hidden stays hidden');
      }
    }
  });

  test('is silent when Temporal does not answer', () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [main, 'completion-builds'], {
      env: { ...env, TEMPORAL_ADDRESS: '127.0.0.1:1' },
      encoding: 'utf8',
    });
    assert.deepEqual([stdout, stderr, status], ['', '', 3]);
  });
});
