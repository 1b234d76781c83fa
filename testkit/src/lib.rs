// SPDX-License-Identifier: Apache-2.0
//! Origin servers, raw clients and certificates for tests and for `sluicegate demo`.
