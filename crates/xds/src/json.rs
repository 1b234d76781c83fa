// SPDX-License-Identifier: Apache-2.0
//! Canonical proto-JSON, laid out as Envoy lays it out.
//!
//! In: encoded messages. Out: JSON with proto field names in field-number order, expanded `Any`s,
//! one-space indentation and integral doubles without a fraction.

use std::io;

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage, SerializeOptions};
use serde::Serialize;
use serde_json::{
    Serializer, Value,
    ser::{Formatter, PrettyFormatter},
};

use crate::descriptor::pool;

/// Why a message could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The pool lacks the type: add its file to the descriptor roots.
    #[error("no descriptor for {0}")]
    UnknownType(String),
    /// The bytes are not a message of that type.
    #[error("{name} does not decode: {source}")]
    Decode {
        /// Type.
        name: String,
        /// Cause.
        source: prost::DecodeError,
    },
    /// The message holds something that JSON cannot show, such as an `Any` of unknown type.
    #[error("{name} cannot be shown as JSON: {source}")]
    Serialize {
        /// Type.
        name: String,
        /// Cause.
        source: serde_json::Error,
    },
}

/// An encoded message as JSON.
///
/// # Errors
/// When the type is unknown, the bytes do not decode, or an `Any` inside cannot be expanded.
pub fn message_to_value(full_name: &str, bytes: &[u8]) -> Result<Value, JsonError> {
    let message = decode(full_name, bytes)?;
    let options = SerializeOptions::new().use_proto_field_name(true);
    let mut value = message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|source| JsonError::Serialize {
            name: full_name.to_owned(),
            source,
        })?;
    sort_maps(&mut value, &message.descriptor());
    Ok(value)
}

/// Sorts the entries of maps, which decoded messages keep in no order.
fn sort_maps(value: &mut Value, descriptor: &MessageDescriptor) {
    let Value::Object(object) = value else {
        return;
    };
    if let Some(Value::String(url)) = object.get("@type") {
        let inner = url.rsplit('/').next().unwrap_or_default();
        let inner = pool().get_message_by_name(inner);
        if let Some(inner) = inner.filter(|inner| inner != descriptor) {
            return sort_maps(value, &inner);
        }
    }
    for field in descriptor.fields() {
        let (Some(value), Kind::Message(inner)) = (object.get_mut(field.name()), field.kind())
        else {
            continue;
        };
        match value {
            Value::Object(entries) if field.is_map() => {
                entries.sort_keys();
                if let Kind::Message(inner) = inner.map_entry_value_field().kind() {
                    let values = entries.values_mut();
                    values.for_each(|value| sort_maps(value, &inner));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| sort_maps(item, &inner)),
            other => sort_maps(other, &inner),
        }
    }
}

/// A message of known type as JSON.
///
/// # Errors
/// As [`message_to_value`].
pub fn to_value<M: prost::Message + prost::Name>(message: &M) -> Result<Value, JsonError> {
    message_to_value(&M::full_name(), &message.encode_to_vec())
}

/// JSON text to a message of known type, for reading what was written by [`to_string`].
///
/// # Errors
/// When a field is unknown or has the wrong shape; the text names it.
pub fn from_str<M: prost::Message + prost::Name + Default>(text: &str) -> Result<M, JsonError> {
    let name = M::full_name();
    let descriptor = pool()
        .get_message_by_name(&name)
        .ok_or_else(|| JsonError::UnknownType(name.clone()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(descriptor, &mut deserializer).map_err(|source| {
        JsonError::Serialize {
            name: name.clone(),
            source,
        }
    })?;
    message
        .transcode_to()
        .map_err(|source| JsonError::Decode { name, source })
}

/// JSON as Envoy's admin prints it: one-space indentation and a newline at the end.
pub fn to_string(value: &Value) -> String {
    print(value).expect("invariant: a JSON value serialises into memory without error")
}

/// Anything as JSON in the same layout.
///
/// # Errors
/// When the value says that it cannot be shown.
pub fn print(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::with_capacity(1024);
    let formatter = EnvoyFormatter {
        pretty: PrettyFormatter::with_indent(b" "),
    };
    let mut serializer = Serializer::with_formatter(&mut bytes, formatter);
    value.serialize(&mut serializer)?;
    bytes.push(b'\n');
    Ok(String::from_utf8(bytes).expect("invariant: serde_json writes UTF-8"))
}

pub(crate) fn decode(full_name: &str, bytes: &[u8]) -> Result<DynamicMessage, JsonError> {
    let descriptor = pool()
        .get_message_by_name(full_name)
        .ok_or_else(|| JsonError::UnknownType(full_name.to_owned()))?;
    DynamicMessage::decode(descriptor, bytes).map_err(|source| JsonError::Decode {
        name: full_name.to_owned(),
        source,
    })
}

/// `PrettyFormatter`, but a double with no fraction is printed without `.0`, as Envoy does.
struct EnvoyFormatter<'a> {
    pretty: PrettyFormatter<'a>,
}

impl Formatter for EnvoyFormatter<'_> {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if value.fract() == 0.0 && value.abs() < 1e15 {
            write!(writer, "{value:.0}")
        } else {
            write!(writer, "{value}")
        }
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::config::cluster::v3::cluster::ClusterDiscoveryType;
    use envoy_types::pb::envoy::config::cluster::v3::{
        Cluster, cluster::CommonLbConfig, cluster::DiscoveryType,
    };
    use envoy_types::pb::envoy::config::core::v3::Metadata;
    use envoy_types::pb::envoy::config::route::v3::Route;
    use envoy_types::pb::envoy::r#type::v3::Percent;
    use envoy_types::pb::google::protobuf::{Any, Duration, Struct};

    use super::*;

    #[test]
    fn prints_names_order_and_numbers_as_envoy_does() {
        let cluster = Cluster {
            name: "a".into(),
            connect_timeout: Some(Duration {
                seconds: 0,
                nanos: 250_000_000,
            }),
            metadata: Some(Metadata::default()),
            common_lb_config: Some(CommonLbConfig {
                healthy_panic_threshold: Some(Percent { value: 7.0 }),
                ..Default::default()
            }),
            cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
            ..Default::default()
        };
        let text = to_string(&to_value(&cluster).unwrap());
        let expected = "{\n \"name\": \"a\",\n \"type\": \"EDS\",\n \"connect_timeout\": \"0.250s\",\n \
                        \"metadata\": {},\n \"common_lb_config\": {\n  \"healthy_panic_threshold\": {\n   \
                        \"value\": 7\n  }\n }\n}\n";
        assert_eq!(text, expected);
        assert_eq!(from_str::<Cluster>(&text).unwrap(), cluster);
    }

    #[test]
    fn maps_are_in_order() {
        let names = ["b", "a", "d", "c"];
        let route = Route {
            typed_per_filter_config: names
                .map(|name| {
                    let metadata = Metadata {
                        filter_metadata: names.map(|name| (name.into(), Struct::default())).into(),
                        ..Metadata::default()
                    };
                    (name.into(), crate::any::pack(&metadata))
                })
                .into(),
            ..Route::default()
        };
        let value = to_value(&route).unwrap();
        let keys =
            |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        let configs = &value["typed_per_filter_config"];
        assert_eq!(keys(configs), ["a", "b", "c", "d"]);
        assert_eq!(keys(&configs["c"]["filter_metadata"]), ["a", "b", "c", "d"]);
    }

    #[test]
    fn names_what_it_cannot_show() {
        let any = Any {
            type_url: "type.googleapis.com/no.such.Type".into(),
            value: vec![],
        };
        let error = to_value(&any).unwrap_err().to_string();
        assert!(error.contains("no.such.Type"), "{error}");
        assert!(matches!(
            message_to_value("no.such.Type", &[]),
            Err(JsonError::UnknownType(_))
        ));
        let broken = message_to_value("envoy.config.cluster.v3.Cluster", &[0xff]);
        assert!(matches!(broken, Err(JsonError::Decode { .. })));
    }
}
