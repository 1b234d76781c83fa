// SPDX-License-Identifier: Apache-2.0
//! `dns`: its three fields merge one by one, so they live in the policy itself.
