// Of several questions, only the last one matters: the ones before are given up.

/** Runs one task at a time; a new one aborts the one before. */
export class Latest {
  #controller = new AbortController();

  /** Runs `task` after a pause, unless another one comes meanwhile. A task that was given up ends in silence. */
  async run(task: (signal: AbortSignal) => Promise<void>, pauseMs = 0): Promise<void> {
    this.cancel();
    const { signal } = this.#controller;
    try {
      if (pauseMs > 0) await pause(pauseMs, signal);
      await task(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  cancel(): void {
    this.#controller.abort();
    this.#controller = new AbortController();
  }
}

function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, pauseMs);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
