//! What monitoring reads: `GET /metrics`, in the text format of OpenMetrics 1.0. It is what was seen of each device last; nothing is asked of
//! a device for it.

use super::{App, Caller, Problem};
use crate::{Standing, lines::Known, watch::Seen};
use axum::{
    Extension, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use berth::{Container, DeviceInfo};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::sync::{Arc, atomic::AtomicU64};

/// Content type of the format.
const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(metrics))
}

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
type Counters = Family<Labels, Counter<u64, AtomicU64>>;

async fn metrics(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let metrics = Metrics::default();
    let mut registry = Registry::with_prefix("berth");
    metrics.register(&mut registry);
    // Of those at other gateways, these tell.
    let all = app.devices(&caller).into_iter();
    for known in all.filter(|known| known.line.is_ours()) {
        metrics.device(&known);
    }
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| {
        Problem::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            &error.to_string(),
        )
    })?;
    Ok(([(header::CONTENT_TYPE, KIND)], text).into_response())
}

#[derive(Default)]
struct Metrics {
    up: Gauges,
    uptime: Gauges,
    seen: Gauges,
    memory: Gauges,
    safe_mode: Gauges,
    restarts: Gauges,
    stall: Gauges,
    store: Gauges,
    wear: Gauges,
    erases_left: Gauges,
    erases_refused: Counters,
    faults: Counters,
    states: Gauges,
    used: Gauges,
    high: Gauges,
    limit: Gauges,
    cpu: Gauges,
    fuel: Counters,
    interrupts: Counters,
    dropped: Counters,
    uploads: Counters,
    upload_bytes: Counters,
    upload_time: Family<Labels, Counter<f64, AtomicU64>>,
    container_restarts: Gauges,
    container_uptime: Gauges,
}

/// All words of a container's state; one of them is 1.
const STATES: [&str; 9] = [
    "stored",
    "starting",
    "running",
    "paused",
    "stopped",
    "exited",
    "faulted",
    "restarting",
    "quarantined",
];

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        let gauges = [
            ("device_up", "Does the device answer", &self.up),
            (
                "device_safe_mode",
                "Is it in safe mode, in which no container starts",
                &self.safe_mode,
            ),
            (
                "device_restarts",
                "Restarts of its supervisor since power-on",
                &self.restarts,
            ),
            (
                "device_store_wear_erases",
                "Erases of its store's most worn page",
                &self.wear,
            ),
            (
                "device_store_erases_left",
                "Erases that the page with the fewest has left in the firmware's budget",
                &self.erases_left,
            ),
            (
                "container_state",
                "What a container does: the state that is 1",
                &self.states,
            ),
            (
                "container_restarts",
                "How often it has been restarted since it was started",
                &self.container_restarts,
            ),
        ];
        for (name, help, family) in gauges {
            registry.register(name, help, family.clone());
        }
        let with_units = [
            (
                "device_uptime",
                "Since its supervisor started",
                Unit::Seconds,
                &self.uptime,
            ),
            (
                "device_seen_age",
                "Since it was looked at last",
                Unit::Seconds,
                &self.seen,
            ),
            (
                "device_stall_longest",
                "Longest time for which it could not answer",
                Unit::Seconds,
                &self.stall,
            ),
            (
                "device_memory",
                "Memory for images and containers, by kind",
                Unit::Bytes,
                &self.memory,
            ),
            (
                "device_store",
                "Its store in flash, by kind",
                Unit::Bytes,
                &self.store,
            ),
            (
                "container_memory",
                "Memory that it holds",
                Unit::Bytes,
                &self.used,
            ),
            (
                "container_memory_high",
                "Most memory that it has held since it was started",
                Unit::Bytes,
                &self.high,
            ),
            (
                "container_memory_limit",
                "Most memory that it may hold",
                Unit::Bytes,
                &self.limit,
            ),
            (
                "container_cpu",
                "Share of the CPU that it had lately",
                Unit::Ratios,
                &self.cpu,
            ),
            (
                "container_uptime",
                "Since it was started",
                Unit::Seconds,
                &self.container_uptime,
            ),
        ];
        for (name, help, unit, family) in with_units {
            registry.register_with_unit(name, help, unit, family.clone());
        }
        let counters = [
            (
                "device_store_erases_refused",
                "Erases of its store that its firmware refused since it started",
                &self.erases_refused,
            ),
            (
                "device_uploads",
                "Images that came to it, since the gateway knows it",
                &self.uploads,
            ),
            (
                "container_faults",
                "Ends of a container by a fault, since the gateway knows the device",
                &self.faults,
            ),
            (
                "container_fuel",
                "Fuel used since it was started",
                &self.fuel,
            ),
            (
                "container_interrupts",
                "Interrupts taken for it since it was started",
                &self.interrupts,
            ),
            (
                "container_interrupts_dropped",
                "Of these, lost",
                &self.dropped,
            ),
        ];
        for (name, help, family) in counters {
            registry.register(name, help, family.clone());
        }
        registry.register_with_unit(
            "device_upload",
            "Bytes of these images",
            Unit::Bytes,
            self.upload_bytes.clone(),
        );
        registry.register_with_unit(
            "device_upload",
            "Time that these images took to come to the device",
            Unit::Seconds,
            self.upload_time.clone(),
        );
    }

    fn device(&self, known: &Known) {
        let device = || vec![("device", known.device.name.clone())];
        let with = |name, value: &str| {
            let mut labels = device();
            labels.push((name, value.to_owned()));
            labels
        };
        let standing = known.line.standing();
        let here = matches!(standing, Standing::Here(_));
        set(&self.up, device(), f64::from(u8::from(here)));
        if let Standing::Here(DeviceInfo { uptime_us, .. }) = standing {
            set(&self.uptime, device(), seconds(uptime_us));
        }
        let uploaded = known.line.watch().uploaded();
        let counted = self.uploads.get_or_create(&device());
        counted.inc_by(uploaded.images);
        let bytes = self.upload_bytes.get_or_create(&device());
        bytes.inc_by(uploaded.bytes);
        let time = self.upload_time.get_or_create(&device());
        time.inc_by(uploaded.time.as_secs_f64());
        for ((container, fault), count) in known.line.watch().faults() {
            let mut labels = with("container", &container);
            labels.push(("fault", fault));
            self.faults.get_or_create(&labels).inc_by(count);
        }
        // What a device was like before it went away says nothing of what it is like now.
        let Some(seen) = known.line.seen().filter(|_| here) else {
            return;
        };
        let Seen {
            at,
            heap,
            status,
            containers,
        } = &*seen;
        set(&self.seen, device(), at.elapsed().as_secs_f64());
        for (kind, bytes) in [
            ("total", heap.total),
            ("free", heap.free),
            ("largest_free", heap.largest_free),
        ] {
            set(&self.memory, with("kind", kind), bytes.into());
        }
        if let Some(status) = status {
            set(&self.safe_mode, device(), u8::from(status.safe_mode).into());
            set(&self.restarts, device(), status.restarts.into());
            set(
                &self.stall,
                device(),
                seconds(status.longest_stall_us.into()),
            );
            if let Some(store) = &status.store {
                for (kind, bytes) in [
                    ("total", store.total),
                    ("free", store.free),
                    ("largest_free", store.largest_free),
                ] {
                    set(&self.store, with("kind", kind), bytes.into());
                }
                set(&self.wear, device(), store.wear_max.into());
                if let Some(erases) = store.erases {
                    set(&self.erases_left, device(), erases.left.into());
                    let refused = self.erases_refused.get_or_create(&device());
                    refused.inc_by(erases.refused.into());
                }
            }
        }
        for container in containers {
            self.container(&with("container", &as_it_came(container)), container);
        }
    }

    fn container(&self, labels: &Labels, container: &Container) {
        let now = container.state.word();
        for state in STATES
            .into_iter()
            .chain((!STATES.contains(&now)).then_some(now))
        {
            let mut labels = labels.clone();
            labels.push(("state", state.to_owned()));
            set(&self.states, labels, u8::from(state == now).into());
        }
        for (family, value) in [
            (&self.used, f64::from(container.memory_used)),
            (&self.high, container.memory_high.into()),
            (&self.limit, container.memory_limit.into()),
            (&self.cpu, f64::from(container.cpu_permille) / 1000.0),
            (&self.container_restarts, container.restarts.into()),
            (&self.container_uptime, seconds(container.uptime_us)),
        ] {
            set(family, labels.clone(), value);
        }
        for (family, count) in [
            (&self.fuel, container.fuel_used),
            (&self.interrupts, container.interrupts.into()),
            (&self.dropped, container.interrupts_dropped.into()),
        ] {
            family.get_or_create(labels).inc_by(count);
        }
    }
}

fn set(family: &Gauges, labels: Labels, value: f64) {
    family.get_or_create(&labels).set(value);
}

/// A name as it may stand in a line.
fn as_it_came(container: &Container) -> String {
    container.name.to_string()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "285 years of microseconds are exact"
)]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
