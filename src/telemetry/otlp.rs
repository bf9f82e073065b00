//! Spans on their way to a collector of OpenTelemetry, over OTLP/HTTP with protobuf. Whoever works tells tracing of a span
//! that has ended; here it is put into a queue of bounded length, and a thread of its own sends what has come together.
//! What is in a span is decided elsewhere.
//!
//! Nobody waits for the collector: while it does not keep up, spans are lost.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, Key, KeyValue, Value};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanExporter as Export, SpanLinks, SpanProcessor,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber, info, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How long an orderly end waits for the collector.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Where spans are left.
pub(super) struct Spans {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
}

/// Sends what is left when it is dropped.
pub(super) struct SpanGuard(Arc<BatchSpanProcessor>);

impl Spans {
    /// Where to and how is read from the variables of the OpenTelemetry specification.
    pub(super) fn start() -> Result<(Self, SpanGuard), ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .build()?;
        let mut processor = BatchSpanProcessor::builder(Telling {
            exporter,
            is_failing: AtomicBool::new(false),
        })
        .build();
        processor.set_resource(&resource());
        let processor = Arc::new(processor);
        let scope = InstrumentationScope::builder("calbridge")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let guard = SpanGuard(Arc::clone(&processor));
        Ok((Self { processor, scope }, guard))
    }
}

impl<S: Subscriber> Layer<S> for Spans {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        self.processor.on_end(told.into_span(self.scope.clone()));
    }
}

impl Drop for SpanGuard {
    fn drop(&mut self) {
        // What cannot be sent by then is lost, which the exporter has told.
        let _ = self.0.shutdown_with_timeout(LAST_WORD);
    }
}

/// The process, as collectors know it.
fn resource() -> Resource {
    let key = Key::from_static_str("service.name");
    let named = Resource::builder().build().get(&key);
    // What the library says where the environment says nothing.
    let is_named = |name: &Value| !name.as_str().starts_with("unknown_service");
    let name = named.filter(is_named).unwrap_or("calbridge".into());
    Resource::builder()
        .with_service_name(name)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// An exporter that says once that it fails, and once that it does no more. The library would say it every few seconds.
#[derive(Debug)]
struct Telling<E> {
    exporter: E,
    is_failing: AtomicBool,
}

impl<E: Export> Export for Telling<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(cause) if !was_failing => {
                warn!(%cause, "Spans cannot be exported and are lost; requests are answered all the same");
            }
            Ok(()) if was_failing => info!("Spans are exported again"),
            Err(_) | Ok(()) => {}
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The fields of an event that tells of a span.
#[derive(Default)]
struct Told {
    name: String,
    trace_id: u128,
    span_id: u64,
    parent_id: u64,
    took_us: u64,
    is_server: bool,
    failed: bool,
    attributes: Vec<KeyValue>,
}

impl Told {
    #[expect(
        clippy::disallowed_methods,
        reason = "a span ends when it is told, whatever clock the gateway goes by"
    )]
    fn into_span(self, instrumentation_scope: InstrumentationScope) -> SpanData {
        let end_time = SystemTime::now();
        let took = Duration::from_micros(self.took_us);
        SpanData {
            span_context: SpanContext::new(
                TraceId::from(self.trace_id),
                SpanId::from(self.span_id),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: SpanId::from(self.parent_id),
            parent_span_is_remote: self.is_server && self.parent_id != 0,
            span_kind: if self.is_server {
                SpanKind::Server
            } else {
                SpanKind::Client
            },
            name: self.name.into(),
            start_time: end_time.checked_sub(took).unwrap_or(end_time),
            end_time,
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if self.failed {
                Status::error("")
            } else {
                Status::Unset
            },
            instrumentation_scope,
        }
    }

    fn attribute(&mut self, field: &Field, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }
}

/// Fields with a name of their own are parts of the span, all others its attributes.
impl Visit for Told {
    fn record_u128(&mut self, field: &Field, value: u128) {
        match field.name() {
            "trace_id" => self.trace_id = value,
            _ => self.attribute(field, value.to_string()),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "span_id" => self.span_id = value,
            "parent_id" => self.parent_id = value,
            "took_us" => self.took_us = value,
            _ => self.attribute(field, i64::try_from(value).unwrap_or(i64::MAX)),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "failed" => self.failed = value,
            _ => self.attribute(field, value),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "kind" => self.is_server = value == "server",
            "name" => value.clone_into(&mut self.name),
            _ => self.attribute(field, value.to_owned()),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
