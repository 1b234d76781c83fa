// SPDX-License-Identifier: Apache-2.0
//! Whole manifests to whole statuses.
