import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { SpanIds, SpanRecord } from './passes.ts';

/** Spans on their way to a collector. */
export interface SpanExport {
  readonly emit: (span: SpanRecord) => void;
  /** Sends what is left, within some seconds. Never rejects. */
  readonly close: () => Promise<void>;
}

/** How often at most it is told that the collector takes nothing (ms). */
const TOLD_EVERY_MS = 60_000;

/** How long a collector has for a batch (ms). */
const EXPORT_MS = 5000;

/**
 * Sends spans by OTLP over HTTP to where OpenTelemetry's own environment variables say (`OTEL_EXPORTER_OTLP_ENDPOINT` and its
 * like; http://localhost:4318 without). This file alone loads the SDK, so nobody pays for it who did not ask.
 * @param version of the operator
 * @param onProblem told in a sentence when the collector takes nothing, at most once a minute
 */
export function exportSpans(version: string, onProblem: (sentence: string) => void): SpanExport {
  const ids = new GivenIds();
  const tell = seldom(onProblem);
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'songbird', 'service.version': version }))
    .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }));
  const provider = new TracerProvider({
    resource,
    idGenerator: ids,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new TellingExporter(new OTLPTraceExporter({ timeoutMillis: EXPORT_MS }), tell),
        exportTimeoutMillis: EXPORT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer('songbird', version);

  const emit = (record: SpanRecord, kind: SpanKind, context: Context): void => {
    const { name, start, attributes, events = [], error, end, calls = [] } = record;
    const span = ids.as(record.ids, () =>
      tracer.startSpan(name, { kind, startTime: start, attributes: { ...attributes } }, context),
    );
    for (const event of events) span.addEvent(event.name, { ...event.attributes }, event.at);
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    const inside = trace.setSpan(context, span);
    for (const call of calls) emit(call, SpanKind.CLIENT, inside);
    span.end(end);
  };
  return {
    emit: (record) => {
      emit(record, SpanKind.INTERNAL, contextIn(record.parent));
    },
    close: async () => {
      await provider.shutdown().catch((error: unknown) => {
        tell(`traces cannot be sent: ${String(error)}`);
      });
    },
  };
}

function contextIn(parent: SpanIds | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}

/** Random ids, but for a span that others have named already. */
class GivenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #given: SpanIds | undefined;

  as<T>(ids: SpanIds | undefined, start: () => T): T {
    this.#given = ids;
    try {
      return start();
    } finally {
      this.#given = undefined;
    }
  }

  generateTraceId(): string {
    return this.#given?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#given?.spanId ?? this.#random.generateSpanId();
  }
}

/** Says what the SDK keeps to itself. */
class TellingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #tell: (sentence: string) => void;

  constructor(exporter: SpanExporter, tell: (sentence: string) => void) {
    this.#exporter = exporter;
    this.#tell = tell;
  }

  export(...[spans, done]: Parameters<SpanExporter['export']>): void {
    this.#exporter.export(spans, (result) => {
      if (result.error !== undefined) this.#tell(`traces cannot be sent: ${result.error.message}`);
      done(result);
    });
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

function seldom(tell: (sentence: string) => void): (sentence: string) => void {
  let toldAt = -Infinity;
  return (sentence) => {
    const now = performance.now();
    if (now - toldAt < TOLD_EVERY_MS) return;
    toldAt = now;
    tell(sentence);
  };
}
