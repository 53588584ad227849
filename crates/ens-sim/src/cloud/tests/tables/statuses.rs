//! The statuses of each object, in the order in which they come.

use super::*;

#[test]
fn status_of_a_load_balancer_is_active_or_inactive() {
    let mut run = Run::new();
    let id = text(&run.ok("CreateLoadBalancer", NEW_ELB), "/LoadBalancerId");
    assert_eq!(run.elb_status(&id), "InActive");
    run.wait(8);
    assert_eq!(run.elb_status(&id), "Active");
    run.ok(
        "SetLoadBalancerStatus",
        &[("LoadBalancerId", &id), ("LoadBalancerStatus", "InActive")],
    );
    run.wait(2);
    assert_eq!(run.elb_status(&id), "InActive");
}

#[test]
fn status_of_a_listener_is_one_of_five_words_in_attribute_reads() {
    let mut run = Run::new();
    listener(&mut run);
    assert_eq!(listener_status(&mut run), "Stopped");
    run.ok("StartLoadBalancerListener", &[ELB, PORT]);
    assert_eq!(listener_status(&mut run), "Starting");
    run.wait(1);
    assert_eq!(listener_status(&mut run), "Running");
    run.ok("StopLoadBalancerListener", &[ELB, PORT]);
    assert_eq!(listener_status(&mut run), "Stopping");
    run.wait(1);
    run.ok("DeleteLoadBalancerListener", &[ELB, PORT]);
    // Inferred: no document says which changes are shown as Configuring.
    assert_eq!(listener_status(&mut run), "Configuring");
}

#[test]
fn status_of_a_listener_is_running_or_stopped_in_lower_case_in_the_list() {
    let mut run = Run::new();
    listener(&mut run);
    let listed = |run: &mut Run| {
        text(
            &run.ok("DescribeLoadBalancerListeners", &[ELB]),
            "/Listeners/Listener/0/Status",
        )
    };
    assert_eq!(listed(&mut run), "stopped");
    run.ok("StartLoadBalancerListener", &[ELB, PORT]);
    // Inferred: which of the two words a listener on its way between them has.
    assert_eq!(listed(&mut run), "stopped");
    run.wait(1);
    assert_eq!(listed(&mut run), "running");
    run.ok("StopLoadBalancerListener", &[ELB, PORT]);
    assert_eq!(listed(&mut run), "stopped");
}

#[test]
fn status_of_an_eip_is_available_associating_in_use_or_unassociating() {
    let mut run = Run::new();
    let eip = run.new_eip();
    assert_eq!(run.eip_status(&eip), "Available");
    bind(&mut run, &eip, &[]);
    assert_eq!(run.eip_status(&eip), "Associating");
    run.wait(3);
    assert_eq!(run.eip_status(&eip), "InUse");
    run.ok("UnAssociateEnsEipAddress", &[("AllocationId", &eip)]);
    assert_eq!(run.eip_status(&eip), "Unassociating");
    run.wait(3);
    assert_eq!(run.eip_status(&eip), "Available");
}

#[test]
fn ip_status_of_an_eip_is_its_status() {
    // Inferred: the field is documented, its values are not.
    let mut run = Run::new();
    let eip = run.new_eip();
    let body = run.ok("DescribeEnsEipAddresses", &[("AllocationId", &eip)]);
    assert_eq!(
        text(&body, "/EipAddresses/EipAddress/0/IpStatus"),
        "Available"
    );
}

#[test]
fn status_of_a_network_is_pending_or_available() {
    let mut run = Run::new();
    let params = [("NetworkId", "n-heifei")];
    for (status, word) in [
        (NetworkStatus::Pending, "Pending"),
        (NetworkStatus::Available, "Available"),
    ] {
        assert!(run.cloud.set_network_status("n-heifei", status));
        let network = run.ok("DescribeNetworkAttribute", &params);
        assert_eq!(text(&network, "/Status"), word);
        let listed = run.ok("DescribeNetworks", &params);
        assert_eq!(text(&listed, "/Networks/Network/0/Status"), word);
    }
}

#[test]
fn status_of_a_vswitch_is_pending_available_or_releasing() {
    let mut run = Run::new();
    for (status, word) in [
        (NetworkStatus::Pending, "Pending"),
        (NetworkStatus::Releasing, "Releasing"),
        (NetworkStatus::Available, "Available"),
    ] {
        assert!(run.cloud.set_network_status("vsw-heifei-1", status));
        let params = [("VSwitchId", "vsw-heifei-1")];
        let vswitch = run.ok("DescribeVSwitchAttributes", &params);
        assert_eq!(text(&vswitch, "/Status"), word);
        // Inferred: the refusal's code.
        let created = run.reply("CreateLoadBalancer", NEW_ELB).response;
        let expected = (word != "Available").then_some("InvalidParameter.VSwitchId");
        assert_eq!(created.code(), expected, "{word}");
    }
    assert!(
        !run.cloud
            .set_network_status("vsw-x", NetworkStatus::Pending)
    );
}

#[test]
fn status_of_an_instance_is_running_stopped_or_expired() {
    let mut run = Run::new();
    for (status, word) in [
        (InstanceStatus::Running, "Running"),
        (InstanceStatus::Stopped, "Stopped"),
        (InstanceStatus::Expired, "Expired"),
    ] {
        assert!(run.cloud.set_instance_status("i-heifei-1", status));
        let body = run.ok("DescribeInstances", &[("InstanceId", "i-heifei-1")]);
        assert_eq!(text(&body, "/Instances/Instance/0/Status"), word);
    }
}
