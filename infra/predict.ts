/** The prediction API as one AWS Lambda function behind a function URL; API keys are checked by the app itself. */
import { bucket, readableArtifacts } from './artifacts.ts';

const onnxruntime = 'node_modules/onnxruntime-node';
const swagger = 'node_modules/swagger-ui-dist';

export const predict = new sst.aws.Function('Predict', {
  handler: 'functions/lambda.handler',
  runtime: 'nodejs22.x',
  architecture: 'arm64',
  memory: '2048 MB',
  timeout: '30 seconds',
  url: { authorization: 'none', cors: false },
  link: [readableArtifacts],
  environment: {
    VENEER_STORE: $interpolate`s3://${bucket.name}`,
    VENEER_BASE: process.env.VENEER_BASE ?? 'minilm-l6',
    // One request at a time: the engine computes in the thread that asks.
    VENEER_WORKERS: '0',
  },
  nodejs: { loader: { '.html': 'text' }, esbuild: { external: ['onnxruntime-node'] } },
  // Not `nodejs.install`: the package holds the binaries of five platforms, 290 MB, and Lambda takes 250.
  copyFiles: [
    { from: `${onnxruntime}/package.json` },
    { from: `${onnxruntime}/dist` },
    { from: `${onnxruntime}/bin/napi-v6/linux/arm64` },
    { from: 'node_modules/onnxruntime-common' },
    { from: `${swagger}/package.json` },
    { from: `${swagger}/swagger-ui-bundle.js` },
    { from: `${swagger}/swagger-ui.css` },
  ],
});
