// SPDX-License-Identifier: Apache-2.0
//! Opening an `Any` whose type only the pool knows.
//!
//! In: a dynamic `Any`. Out: the message inside.

use prost_reflect::{DynamicMessage, Value};

use crate::json::decode;

/// The packed message; an error names its type, when that is unknown or the bytes do not decode.
pub(crate) fn packed(any: &DynamicMessage) -> Result<DynamicMessage, String> {
    let url = any.get_field_by_name("type_url");
    let url = url.as_deref().and_then(Value::as_str).unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default();
    let value = any.get_field_by_name("value");
    let value = value.as_deref().and_then(Value::as_bytes);
    let bytes = value.map_or(&[][..], |bytes| bytes);
    decode(name, bytes).map_err(|_| name.to_owned())
}
