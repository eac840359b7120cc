/**
 * onnxruntime-node for Linux reports its use to its maker, from a file in the temporary folder, unless the environment says
 * otherwise when its library loads. Nothing here shall call out. A worker thread has a copy of the environment, which the
 * library does not see: this is for the main thread, before it starts one.
 */
export function disableRuntimeTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ||= '1';
}
