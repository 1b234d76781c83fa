// SPDX-License-Identifier: Apache-2.0
//! Listeners of a ListenerSet on the wire, by our own data plane.

use sluicegate_testkit::{RawClient, RawOrigin, Step, eventually, free_port};

use super::{Gateway, gateway, listener_set};

#[tokio::test]
async fn a_listener_set_opens_a_port_with_its_own_policy_once_it_is_allowed() {
    let origin = RawOrigin::start(|_| Step::Stall).await.unwrap();
    let port = free_port();
    let manifests = listener_set::manifests(port, "name: web, port: 80");
    let served = Gateway::start(origin.address(), &manifests).await;
    assert!(
        RawClient::connect(([127, 0, 0, 1], port).into())
            .await
            .is_err()
    );
    let allowed = listener_set::allowed(&gateway(served.address.port()));
    served.folder.write("gateway.yaml", &allowed);
    let status = eventually("the listener serves", async || {
        let mut client = RawClient::connect(([127, 0, 0, 1], port).into())
            .await
            .ok()?;
        Some(client.get("web", "/").await.ok()?.status())
    });
    assert_eq!(status.await.unwrap(), 504);
    let shown = served.admin("/sluicegate/status").await;
    assert!(shown.contains("attachedListenerSets"), "{shown}");
}
