import { createPublicKey, generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto';

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const bits = 2048;
/** Making a key takes a good part of a second, in which nobody else is served: some are made ahead, on another thread. */
const spares: Pair[] = [];
const wantedSpares = 2;
let making = false;

function makeSpares(): void {
  if (making || spares.length >= wantedSpares) return;
  making = true;
  generateKeyPair('rsa', { modulusLength: bits }, (error, publicKey, privateKey) => {
    making = false;
    if (error !== null) return;
    spares.push({ publicKey, privateKey });
    makeSpares();
  });
}

function takePair(): Pair {
  const pair = spares.shift() ?? generateKeyPairSync('rsa', { modulusLength: bits });
  makeSpares();
  return pair;
}

/** A fresh RSA key pair: the private key as PKCS#1 PEM, the public one as a line of OpenSSH. */
export function newRsaKey(comment: string): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = takePair();
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  return { privateKey: pem, publicKey: `${openSshLine(publicKey)} ${comment}` };
}

function openSshLine(key: KeyObject): string {
  const { n = '', e = '' } = key.export({ format: 'jwk' });
  const parts = [Buffer.from('ssh-rsa'), mpint(Buffer.from(e, 'base64url')), mpint(Buffer.from(n, 'base64url'))];
  return `ssh-rsa ${Buffer.concat(parts.map(withLength)).toString('base64')}`;
}

/** A positive number must not begin with a set bit. */
function mpint(bytes: Buffer): Buffer {
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/**
 * The part of a line of OpenSSH that says which RSA key it is, without the comment; undefined when the line is no RSA
 * public key.
 */
export function rsaKeyOf(line: string): string | undefined {
  const [type, text = ''] = line.trim().split(/\s+/);
  if (type !== 'ssh-rsa' || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const fields = fieldsOf(Buffer.from(text, 'base64'));
  if (fields?.length !== 3 || fields[0]!.toString() !== 'ssh-rsa') return undefined;
  const [e, n] = [fields[1]!, fields[2]!].map((bytes) => bytes.toString('base64url'));
  try {
    createPublicKey({ key: { kty: 'RSA', e: e!, n: n! }, format: 'jwk' });
  } catch {
    return undefined;
  }
  return `ssh-rsa ${text}`;
}

function fieldsOf(bytes: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return undefined;
    fields.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}
