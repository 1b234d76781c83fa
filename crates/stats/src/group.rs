// SPDX-License-Identifier: Apache-2.0
//! Groups: one allocation that holds all metrics of one thing (a cluster on one worker).
//!
//! In: a struct declared with [`stat_group!`](crate::stat_group). Out: its fields, visited by name.

use crate::{Counter, Gauge, Histogram, LazyCounter, ResponseCodes, TextReadout};

/// A set of metrics with names relative to the prefix it is registered under.
pub trait Group: Send + Sync {
    /// Shows every metric to `visitor`.
    fn visit(&self, visitor: &mut dyn Visitor);

    /// Sets every counter to zero.
    fn reset_counters(&self);
}

/// Receives the metrics of a group.
pub trait Visitor {
    /// A counter.
    fn counter(&mut self, name: &str, counter: &Counter);
    /// A gauge.
    fn gauge(&mut self, name: &str, gauge: &Gauge);
    /// A histogram.
    fn histogram(&mut self, name: &str, histogram: &Histogram);
    /// Response codes under `name`, such as `upstream_rq`.
    fn response_codes(&mut self, name: &str, codes: &ResponseCodes);
    /// A text readout.
    fn text_readout(&mut self, name: &str, text: &TextReadout);
}

/// One field of a group; implemented by the metric cells.
pub trait Metric {
    /// Shows itself under `name`.
    fn visit(&self, name: &str, visitor: &mut dyn Visitor);
    /// Sets itself to zero, when it is a counter.
    fn reset_counter(&self);
}

impl Metric for Counter {
    fn visit(&self, name: &str, visitor: &mut dyn Visitor) {
        visitor.counter(name, self);
    }
    fn reset_counter(&self) {
        self.reset();
    }
}

impl Metric for LazyCounter {
    fn visit(&self, name: &str, visitor: &mut dyn Visitor) {
        if self.0.used() {
            visitor.counter(name, &self.0);
        }
    }
    fn reset_counter(&self) {
        self.0.reset();
    }
}

impl Metric for Gauge {
    fn visit(&self, name: &str, visitor: &mut dyn Visitor) {
        visitor.gauge(name, self);
    }
    fn reset_counter(&self) {}
}

impl Metric for Histogram {
    fn visit(&self, name: &str, visitor: &mut dyn Visitor) {
        visitor.histogram(name, self);
    }
    fn reset_counter(&self) {}
}

impl Metric for ResponseCodes {
    fn visit(&self, name: &str, visitor: &mut dyn Visitor) {
        visitor.response_codes(name, self);
    }
    fn reset_counter(&self) {
        self.reset();
    }
}

impl Metric for TextReadout {
    fn visit(&self, name: &str, visitor: &mut dyn Visitor) {
        visitor.text_readout(name, self);
    }
    fn reset_counter(&self) {}
}

/// Declares a struct of metrics. A field is named after itself, or after the literal that follows.
///
/// ```
/// sluicegate_stats::stat_group! {
///     /// What one cluster did on one worker.
///     pub struct ClusterStats {
///         /// Connections opened.
///         upstream_cx_total: Counter,
///         /// Handshakes.
///         ssl_handshake: Counter = "ssl.handshake",
///     }
/// }
/// ClusterStats::default().upstream_cx_total.inc();
/// ```
#[macro_export]
macro_rules! stat_group {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $field:ident : $kind:ident $(= $text:literal)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $name {
            $( $(#[$field_meta])* $vis $field: $crate::$kind, )*
        }

        impl $crate::Group for $name {
            fn visit(&self, visitor: &mut dyn $crate::Visitor) {
                $( $crate::Metric::visit(
                    &self.$field,
                    $crate::stat_group!(@name $field $($text)?),
                    visitor,
                ); )*
            }

            fn reset_counters(&self) {
                $( $crate::Metric::reset_counter(&self.$field); )*
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $text:literal) => { $text };
}
