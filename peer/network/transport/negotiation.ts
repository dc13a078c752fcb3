import { noise as noiseOfLibp2p } from "@chainsafe/libp2p-noise";
import type { MessageStream } from "@libp2p/interface";

/** Whoever knows what they want needs two: the greeting, and the name. */
const MAX_ANSWERS = 8;

const agreed = new WeakSet<MessageStream>();

/** The two sides know what they speak on it. */
export function negotiated(stream: MessageStream): void {
  agreed.add(stream);
}

/**
 * While two sides agree on a protocol, libp2p answers as many names as come, at once: a few megabytes of them keep everything
 * else waiting, and the answers fill the memory. This ends whatever asks for so many.
 */
export function boundAnswers(stream: MessageStream, isAgreed: () => boolean = () => agreed.has(stream)): void {
  const send = stream.send.bind(stream);
  let answers = 0;
  stream.send = (data) => {
    if (isAgreed()) stream.send = send;
    else if (answers === MAX_ANSWERS) throw new Error("a side that names protocols without an end");
    else answers += 1;
    return send(data);
  };
}

/** Noise, before and after which answers are bounded: who comes so far is still anybody. */
export function noise(): ReturnType<typeof noiseOfLibp2p> {
  const create = noiseOfLibp2p();
  return (components) => {
    const encrypter = create(components);
    const secureInbound = encrypter.secureInbound.bind(encrypter);
    const secureOutbound = encrypter.secureOutbound.bind(encrypter);
    encrypter.secureInbound = async (connection, options) => {
      negotiated(connection);
      const secured = await secureInbound(connection, options);
      boundAnswers(secured.connection);
      return secured;
    };
    // of two that meet, one dials out on a socket that came in
    encrypter.secureOutbound = (connection, options) => {
      negotiated(connection);
      return secureOutbound(connection, options);
    };
    return encrypter;
  };
}
