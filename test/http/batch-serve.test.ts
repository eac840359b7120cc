/** A batch on a live server, over a model whose weights are in the repository: the server works on it by itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PipelineServer, post, startPipelineServer } from '../golden/pipelines-server.ts';

let server: PipelineServer;
beforeAll(async () => {
  server = await startPipelineServer('wordpiece');
});
afterAll(() => server.close());

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${server.url}/v1/batches${path}`, { ...init, headers: { authorization: `Bearer ${server.key}` } });

describe('a live server', () => {
  it('answers a batch as it answers requests, and requests meanwhile', { timeout: 60_000 }, async () => {
    const texts = Array.from({ length: 1200 }, (_, i) => `I like the number ${i}`);
    const body = texts.map(inputs => `${JSON.stringify({ inputs })}\n`).join('');
    const accepted = await ask('?model=classification', { method: 'POST', body });
    expect(accepted.status).toBe(202);
    const { id } = (await accepted.json()) as { id: string };
    const some = [0, 500, 1199];
    const { body: asked } = await post(server, '/v1/classification', {
      model: 'classification',
      inputs: some.map(i => texts[i]),
    });
    const status = async () => (await (await ask(`/${id}`)).json()) as { state: string; counts: object };
    await expect.poll(async () => (await status()).state, { timeout: 50_000 }).toBe('completed');
    expect((await status()).counts).toEqual({ lines: 1200, succeeded: 1200, failed: 0 });
    const lines = (await (await ask(`/${id}/results`)).text())
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as { index: number; output: object });
    expect(lines.map(({ index }) => index)).toEqual([...texts.keys()]);
    expect(some.map(i => lines[i]!.output)).toEqual((asked as { outputs: object[] }).outputs);
  });

  it('says at once that a line too many came, though more are on their way', async () => {
    const line = '{"inputs": "x"}\n'.repeat(100);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent++ < 5_000) controller.enqueue(Buffer.from(line));
        else controller.close();
      },
    });
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    const response = await ask('?model=classification', init);
    expect(response.status).toBe(413);
    expect(sent).toBeLessThan(5_000);
  });
});
