/** What an informer is to be told by: its errors until it recovers, the same one once. */
export function onceEach(onError: (error: unknown) => void): {
  onError: (error: unknown) => void;
  onRecovery: () => void;
} {
  let last: string | undefined;
  return {
    onError: (error) => {
      const sentence = String(error);
      if (sentence === last) return;
      last = sentence;
      onError(error);
    },
    onRecovery: () => {
      last = undefined;
    },
  };
}
