/** Entry of `npm run bench -- <name>`. */
import { benchCold } from './bench/cold.ts';
import { benchGpu } from './bench/gpu.ts';
import { benchHttp } from './bench/http.ts';
import { benchHttpStub } from './bench/http-stub.ts';
import { benchServe } from './bench/serve.ts';
import { benchTenants } from './bench/tenants.ts';
import { benchTrain } from './bench/train.ts';

const benches: Record<string, () => Promise<void>> = {
  train: benchTrain,
  serve: benchServe,
  cold: benchCold,
  tenants: benchTenants,
  http: () => (process.argv.includes('--stub') ? benchHttpStub() : benchHttp()),
  gpu: benchGpu,
};

const name = process.argv[2] ?? '';
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
if (!bench) {
  process.stderr.write(`error: npm run bench -- <name>, one of ${Object.keys(benches).join(', ')}\n`);
  process.exitCode = 2;
} else await bench();
