// SPDX-License-Identifier: Apache-2.0
//! Verdicts on the kinds of the Gateway API.

mod gateways;
mod grpc_routes;
mod layer4_routes;
mod policies;
mod routes;
