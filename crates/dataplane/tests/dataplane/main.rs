// SPDX-License-Identifier: Apache-2.0
//! Tests of the data plane on loopback sockets: raw bytes in, raw bytes out.

mod proxy;
mod support;
