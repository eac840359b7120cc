/** trainer/Dockerfile, as far as it can be judged where no Docker is: what it copies is there, and what it starts is built. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Instruction {
  name: string;
  rest: string;
}

function readDockerfile(text: string): Instruction[] {
  const whole = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter(line => line.trim() !== '');
  return whole.map(line => {
    const [, name, rest] = /^([A-Z]+)\s+(.+)$/.exec(line)!;
    return { name: name!, rest: rest! };
  });
}

/** Stages by name, the last one as `final`. */
function stagesOf(instructions: readonly Instruction[]): Record<string, Instruction[]> {
  const stages: Record<string, Instruction[]> = {};
  let current: Instruction[] = [];
  for (const instruction of instructions) {
    if (instruction.name === 'FROM') {
      current = [];
      stages[/ AS (\w+)$/.exec(instruction.rest)?.[1] ?? 'final'] = current;
    }
    current.push(instruction);
  }
  return stages;
}

const stages = stagesOf(readDockerfile(readFileSync('trainer/Dockerfile', 'utf8')));
const ignored = readFileSync('trainer/Dockerfile.dockerignore', 'utf8').split('\n');
const restOf = (stage: string, name: string) =>
  stages[stage]!.filter(instruction => instruction.name === name).map(({ rest }) => rest);

describe('the trainer’s image', () => {
  it('stands on Node 22, in every stage', () => {
    const from = Object.keys(stages).map(stage => restOf(stage, 'FROM')[0]!.split(' ')[0]!);
    expect(from).toEqual(['node:22-bookworm-slim', 'node:22-bookworm-slim', 'runtime', 'runtime']);
  });

  it('copies what is tracked here and let through by its .dockerignore', () => {
    const copied = restOf('build', 'COPY').flatMap(rest => rest.split(' ').slice(0, -1));
    expect(copied).toEqual(['package.json', 'package-lock.json', '.npmrc', 'functions', 'trainer', 'infra']);
    for (const path of copied) {
      expect(execFileSync('git', ['ls-files', path], { encoding: 'utf8' })).not.toBe('');
      expect(ignored).toContain(`!${path}`);
    }
    expect(ignored.filter(line => line !== '' && !/^(#|!)/.test(line))).toEqual(['*']);
  });

  it('builds from the lock file, without packages of development, as the build here does', () => {
    const [install, build] = restOf('build', 'RUN');
    expect(install).toMatch(/^npm ci /);
    expect(build).toMatch(/^node trainer\/build\.mjs --fresh +&& npm prune --omit=dev /);
    expect(existsSync('trainer/build.mjs')).toBe(true);
  });

  it('has TensorFlow.js built into the folder that the trainer looks in, and no compiler', () => {
    const [cache] = restOf('runtime', 'ENV').map(rest => /^VENEER_CACHE_DIR=(\S+)$/.exec(rest)![1]);
    expect(restOf('gpu', 'RUN').at(-1)).toBe('node dist/trainer/main.js setup-gpu');
    expect(restOf('final', 'COPY')).toEqual([`--from=gpu --chown=node:node ${cache} ${cache}`]);
    expect(JSON.stringify([stages.runtime, stages.final])).not.toMatch(/g\+\+|apt-get/);
  });

  it('starts the trainer, not as root, with the driver’s tool by which it finds its GPU', () => {
    const [folder] = restOf('runtime', 'WORKDIR');
    const [node, main] = JSON.parse(restOf('final', 'ENTRYPOINT')[0]!);
    expect(node).toBe('node');
    expect(main.startsWith(`${folder}/`)).toBe(true);
    const built = main.slice(folder!.length + 1);
    expect(execFileSync(process.execPath, [built, 'train', '--help'], { encoding: 'utf8' })).toContain(
      '--resume',
    );
    expect(restOf('final', 'USER')).toEqual(['node']);
    expect(restOf('final', 'ENV')[0]).toMatch(/NVIDIA_DRIVER_CAPABILITIES=compute,utility/);
  });
});
