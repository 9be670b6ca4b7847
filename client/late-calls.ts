import { type Interceptor, InterceptingCall, Metadata, status } from '@grpc/grpc-js';

/**
 * Lets a call fail that is made when its connection is closed already. The SDK tries a refused call again from a timer, and
 * gRPC throws there: that would end the process, with a stack trace, where somebody has just got what was asked for.
 */
export const failLateCalls: Interceptor = (options, nextCall) => {
  try {
    return new InterceptingCall(nextCall(options));
  } catch (error) {
    return new InterceptingCall(failed(error instanceof Error ? error.message : String(error)));
  }
};

type Call = ConstructorParameters<typeof InterceptingCall>[0];

/** A call that ends as it begins; it was cancelled, so that nobody tries it again. */
function failed(details: string): Call {
  const nothing = () => undefined;
  return {
    start: (_metadata, listener) => {
      const end = { code: status.CANCELLED, details, metadata: new Metadata() };
      setImmediate(() => listener?.onReceiveStatus?.(end));
    },
    sendMessage: nothing,
    sendMessageWithContext: nothing,
    startRead: nothing,
    halfClose: nothing,
    cancelWithStatus: nothing,
    getPeer: () => '',
    getAuthContext: () => null,
  };
}
