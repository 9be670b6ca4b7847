import { type Interceptor, InterceptingCall } from '@grpc/grpc-js';
import { Client, Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';

/** A client whose calls to Temporal are counted, by the name of the RPC; a long poll for a result is `longPoll`. */
export interface CountedClient {
  client: Client;
  calls: Map<string, number>;
  /** Most long polls that were open at the same time. */
  mostLongPolls: () => number;
  close: () => Promise<void>;
}

const { GetWorkflowExecutionHistoryRequest } = temporal.api.workflowservice.v1;

export async function connectCounted({
  address,
  namespace,
}: {
  address: string;
  namespace: string;
}): Promise<CountedClient> {
  const calls = new Map<string, number>();
  let open = 0;
  let most = 0;
  const counting: Interceptor = (options, next) => {
    let polling = false;
    return new InterceptingCall(next(options), {
      start: (metadata, _listener, start) =>
        start(metadata, {
          onReceiveStatus: (status, passOn) => {
            if (polling) open -= 1;
            passOn(status);
          },
        }),
      sendMessage: (message: Uint8Array, send) => {
        const rpc = options.method_definition.path.split('/').at(-1)!;
        polling =
          rpc === 'GetWorkflowExecutionHistory' && GetWorkflowExecutionHistoryRequest.decode(message).waitNewEvent;
        const name = polling ? 'longPoll' : rpc;
        calls.set(name, (calls.get(name) ?? 0) + 1);
        if (polling) most = Math.max(most, (open += 1));
        send(message);
      },
    });
  };
  const connection = await Connection.connect({ address, interceptors: [counting] });
  calls.clear();
  const client = new Client({ connection, namespace });
  return { client, calls, mostLongPolls: () => most, close: () => connection.close() };
}
