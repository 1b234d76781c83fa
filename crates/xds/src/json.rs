// SPDX-License-Identifier: Apache-2.0
//! Canonical proto-JSON, laid out as Envoy lays it out.
