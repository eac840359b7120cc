/**
 * Builds TensorFlow.js's Node binding in a folder of its own: the package from the npm registry without its install script
 * (whose download is often out of reach, and older than today's cards), TensorFlow's library from the Python registry, and
 * one g++ call between them. Nothing of it is installed anywhere else.
 */
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VeneerError } from '../../functions/error.ts';
import { bindingFile, packageOf, type TfjsVariant } from '../engines/tfjs-package.ts';
import type { Tool } from './tool.ts';

export const versions = { tfjs: '4.22.0', tensorflow: '2.21.0', nodeApi: '1.5.0' } as const;

/** Wheels are only unpacked, for their libraries: which Python they are for does not matter, so long as it is one. */
const wheelTags = ['--python-version', '3.12', '--platform', 'manylinux_2_27_x86_64'];
const wheelPlatforms = ['manylinux_2_17_x86_64', 'manylinux2014_x86_64', 'manylinux1_x86_64', 'any'];
const libraryOf = { gpu: 'tensorflow', cpu: 'tensorflow-cpu' } as const;

/** The `and-cuda` requirements of a wheel; unpacks the libraries and headers of wheels. Both by Python's own zipfile. */
const readRequirements = `
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
name = next(n for n in wheel.namelist() if n.endswith('.dist-info/METADATA'))
for line in wheel.read(name).decode().splitlines():
    if line.startswith('Requires-Dist: nvidia-') and 'and-cuda' in line:
        print(line.split(':', 1)[1].split(';')[0].strip())
`;
const unpackWheels = `
import sys, zipfile
for path in sys.argv[2:]:
    wheel = zipfile.ZipFile(path)
    wanted = ('nvidia/', 'tensorflow/libtensorflow', 'tensorflow/include/')
    wheel.extractall(sys.argv[1], [n for n in wheel.namelist() if n.startswith(wanted)])
`;

export interface BuildArguments {
  variant: TfjsVariant;
  folder: string;
  tool: Tool;
  log(line: string): void;
}

export async function buildTfjs({ variant, folder, tool, log }: BuildArguments): Promise<void> {
  const python = await checkTools(tool);
  // The layout of site-packages: TensorFlow looks for `nvidia/` beside `tensorflow/`.
  const [wheels, libraries] = [join(folder, 'wheels'), join(folder, 'libraries')];
  await mkdir(wheels, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');

  const name = packageOf[variant];
  log(`npm: ${name} ${versions.tfjs}`);
  await tool.run('npm', {
    args: [
      ...['install', `${name}@${versions.tfjs}`, `node-api-headers@${versions.nodeApi}`],
      ...['--ignore-scripts', '--no-audit', '--no-fund', '--no-save'],
    ],
    cwd: folder,
  });

  const download = async (requirements: readonly string[]) => {
    const platforms = wheelPlatforms.flatMap(platform => ['--platform', platform]);
    const args = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', ...wheelTags, ...platforms];
    await tool.run(python, { args: [...args, '--dest', wheels, ...requirements], cwd: folder });
  };
  log(`pip: ${libraryOf[variant]} ${versions.tensorflow}`);
  await download([`${libraryOf[variant]}==${versions.tensorflow}`]);
  if (variant === 'gpu') {
    const [wheel] = await wheelsIn(wheels);
    const told = await tool.run(python, { args: ['-c', readRequirements, wheel!], cwd: folder });
    const requirements = told.split('\n').filter(line => line !== '');
    log(`pip: ${requirements.length} CUDA libraries`);
    await download(requirements);
  }
  log('unpacking');
  await rm(libraries, { recursive: true, force: true });
  await tool.run(python, {
    args: ['-c', unpackWheels, libraries, ...(await wheelsIn(wheels))],
    cwd: folder,
  });
  await rm(wheels, { recursive: true, force: true });

  log('g++: the binding');
  await compileBinding({ variant, folder, tool, libraries });
}

async function compileBinding({
  variant,
  folder,
  tool,
  libraries,
}: Omit<BuildArguments, 'log'> & { libraries: string }): Promise<void> {
  const installed = join(folder, 'node_modules', packageOf[variant]);
  const tensorflow = join(libraries, 'tensorflow');
  const binding = join(installed, bindingFile);
  await mkdir(join(binding, '..'), { recursive: true });
  const source = (file: string) => join(installed, 'binding', file);
  await tool.run('g++', {
    args: [
      ...['-std=c++17', '-O2', '-fPIC', '-shared', '-fno-exceptions', '-DNAPI_VERSION=8'],
      ...[`-I${join(folder, 'node_modules/node-api-headers/include')}`, `-I${join(tensorflow, 'include')}`],
      ...[source('tfjs_backend.cc'), source('tfjs_binding.cc'), '-o', binding, `-L${tensorflow}`],
      ...['-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', `-Wl,-rpath,${tensorflow}`],
    ],
    cwd: folder,
  });
  // Headers are most of the files, and needed no more.
  await rm(join(tensorflow, 'include'), { recursive: true, force: true });
}

async function wheelsIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(name => name.endsWith('.whl')).map(name => join(folder, name));
}

/** Returns the Python that has pip. @throws VeneerError `unavailable`, naming every tool that is missing. */
async function checkTools(tool: Tool): Promise<string> {
  if (tool.platform !== 'linux-x64')
    throw new VeneerError(
      'unavailable',
      `the binding is built for linux-x64 only, and this is ${tool.platform}: use --engine onnx`,
    );
  const works = (command: string, args: string[]) =>
    tool.run(command, { args, cwd: '.' }).then(
      () => true,
      () => false,
    );
  const missing: string[] = [];
  if (!(await works('npm', ['--version']))) missing.push('npm');
  if (!(await works('g++', ['--version']))) missing.push('g++ (package g++ or build-essential)');
  if (!(await works('python3', ['-m', 'pip', '--version'])))
    missing.push('python3 with pip (package python3-pip)');
  if (missing.length > 0)
    throw new VeneerError('unavailable', `setup-gpu needs ${missing.join(', ')}: install and run it again`);
  return 'python3';
}

/** What `folder` holds, or undefined where nothing was built there. */
export async function builtVersion(folder: string, variant: TfjsVariant): Promise<string | undefined> {
  const installed = join(folder, 'node_modules', packageOf[variant]);
  try {
    await access(join(installed, bindingFile));
    return JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}
