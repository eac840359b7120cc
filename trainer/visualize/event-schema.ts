/**
 * The part of TensorBoard's protobuf schema that we write: field numbers from event.proto and summary.proto,
 * https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto. Encoding is protobufjs's.
 */
import protobuf from 'protobufjs';

const root = protobuf.Root.fromJSON({
  nested: {
    Event: {
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
      },
    },
    Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
    Value: {
      // A member of a oneof is written even where it is 0; TensorBoard skips a summary without a value.
      oneofs: { value: { oneof: ['simpleValue'] } },
      fields: { tag: { type: 'string', id: 1 }, simpleValue: { type: 'float', id: 2 } },
    },
  },
});

const Event = root.lookupType('Event');

export interface TensorBoardEvent {
  /** Seconds since 1970. */
  wallTime: number;
  step?: number;
  /** Of the first record alone. */
  fileVersion?: string;
  summary?: { value: { tag: string; simpleValue: number }[] };
}

export function encodeEvent(event: TensorBoardEvent): Uint8Array {
  return Event.encode(Event.fromObject(event)).finish();
}
