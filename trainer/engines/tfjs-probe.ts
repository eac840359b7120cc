/** A process that tells which TensorFlow a package loads, and what that computes on. Arguments: the package's folder and name. */
import { deviceOf, loadTensorFlow, type NativePackage } from './tensorflow.ts';

const [folder, name] = process.argv.slice(2);
try {
  process.stdout.write(JSON.stringify(deviceOf(loadTensorFlow(folder!, name as NativePackage))));
} catch (error) {
  process.stderr.write(`${(error as Error).message.split('\n')[0]}\n`);
  process.exitCode = 1;
}
