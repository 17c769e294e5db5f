# cause: leaks unbounded-cache __main__\.exporter\._finished_spans
# needs: opentelemetry-sdk
"""OpenTelemetry's InMemorySpanExporter, left from the tests."""
import leaking
import storefront
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("shop")


def leak(i):
    storefront.serve(i)
    with tracer.start_as_current_span("request", attributes={"path": "/product/%d" % i}):
        pass


leaking.run(leak, 1500)
