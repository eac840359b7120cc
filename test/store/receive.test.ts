/** A part of an object over TLS, from a server whose certificate is made here. The rest of receive.ts is seen in plain-s3.test.ts. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receivePart } from '../../functions/store/receive.ts';

interface Certificate {
  key: Buffer;
  cert: Buffer;
}

function makeCertificate(): Certificate | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'veneer-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost'],
      ],
      { stdio: 'pipe' },
    );
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const certificate = makeCertificate();
if (!certificate) process.stderr.write('skipped: openssl, which makes the certificate, does not run here\n');

describe.skipIf(!certificate)('a part over TLS', () => {
  const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) % 251);
  const { connect } = tls;
  let server: Server;
  let seen: { range?: string | undefined; name: string | false | null }[];

  const part = (hostname: string) => {
    const url = new URL(`https://${hostname}:${(server.address() as AddressInfo).port}/o`);
    const headers = { range: 'bytes=0-2999999' };
    return receivePart({ url, headers, length: content.length, answerMs: 5_000, silenceMs: 5_000 });
  };
  const trust = (trusted: boolean) => {
    tls.connect = ((options: tls.ConnectionOptions) =>
      connect(trusted ? { ...options, ca: certificate!.cert } : options)) as typeof connect;
    syncBuiltinESMExports();
  };

  beforeAll(async () => {
    seen = [];
    server = createServer({ ...certificate! }, ({ headers, socket }, response) => {
      seen.push({ range: headers.range, name: (socket as tls.TLSSocket).servername });
      response.writeHead(206, { 'content-length': content.length }).end(content);
    });
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  });
  afterAll(async () => {
    tls.connect = connect;
    syncBuiltinESMExports();
    server.closeAllConnections();
    await new Promise(done => server.close(done));
  });

  it('is whole, from a server that is asked for by its name', async () => {
    trust(true);
    expect(Buffer.from(await part('localhost')).equals(content)).toBe(true);
    expect(seen).toEqual([{ range: 'bytes=0-2999999', name: 'localhost' }]);
  });

  it('is nothing from a server whose certificate is not trusted, or of another name', async () => {
    trust(false);
    expect(await part('localhost')).toHaveLength(0);
    trust(true);
    expect(await part('127.0.0.1')).toHaveLength(0);
    expect(seen).toHaveLength(1);
  });
});
