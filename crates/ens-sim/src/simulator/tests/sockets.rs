//! Which sockets are open: as the cloud says, and nobody else's.

use super::*;

#[test]
fn a_stopped_listener_an_inactive_elb_and_a_stopped_simulator_close_the_port() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let (port, _node) = node(&simulator, "i-heifei-1", Ipv4Addr::new(127, 0, 83, 1)).await;
        attach(&simulator, r#"[{"ServerId":"i-heifei-1"}]"#).await;
        let front = listen(&simulator, 8001, port, &[]).await;
        let one = [("LoadBalancerId", "lb-heifei"), ("ListenerPort", "8001")];
        ok(&simulator, "StopLoadBalancerListener", &one).await;
        assert_eq!(failure(front).await, CLOSED, "a stopped listener accepts");
        ok(&simulator, "StartLoadBalancerListener", &one).await;
        assert!(ask(front).await.is_some());
        let status = |status| {
            [
                ("LoadBalancerId", "lb-heifei"),
                ("LoadBalancerStatus", status),
            ]
        };
        ok(&simulator, "SetLoadBalancerStatus", &status("InActive")).await;
        assert_eq!(failure(front).await, CLOSED, "an InActive ELB accepts");
        ok(&simulator, "SetLoadBalancerStatus", &status("Active")).await;
        assert!(ask(front).await.is_some());
        let endpoint = simulator.endpoint;
        simulator.shutdown().await;
        assert_eq!(failure(front).await, CLOSED);
        assert_eq!(failure(endpoint).await, CLOSED);
    });
}

#[test]
fn a_port_in_use_is_said_in_the_listener_and_taken_once_it_is_free() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let address = eip_of(&simulator, "lb-heifei");
        let thief = TcpListener::bind((address, 8001)).await.unwrap();
        let create = [("LoadBalancerId", "lb-heifei"), ("ListenerPort", "8001")];
        ok(&simulator, "CreateLoadBalancerTCPListener", &create).await;
        ok(&simulator, "StartLoadBalancerListener", &create).await;
        let key = ListenerKey {
            port: 8001,
            protocol: Protocol::Tcp,
        };
        let trouble = |cloud: &Cloud| {
            cloud.load_balancer("lb-heifei").unwrap().listeners[&key]
                .trouble
                .clone()
        };
        assert!(simulator.look(trouble).unwrap().contains("8001"));
        drop(thief);
        ok(&simulator, "DescribeEnsRegions", &[]).await;
        assert_eq!(simulator.look(trouble), None);
        assert!(simulator.bound_address(address, 8001).is_some());
        simulator.shutdown().await;
    });
}

#[test]
fn two_simulators_of_one_seed_run_side_by_side() {
    run(async {
        let (one, two) = (
            start(Latency::instant()).await,
            start(Latency::instant()).await,
        );
        assert_ne!(one.address_block(), two.address_block());
        listen(&one, 8001, 1, &[]).await;
        listen(&two, 8001, 1, &[]).await;
        one.shutdown().await;
        two.shutdown().await;
    });
}

#[test]
fn node_addresses_are_loopback_addresses_and_no_eips() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let inside = eip_of(&simulator, "lb-heifei");
        let refused = simulator
            .set_instance_address("i-heifei-1", inside)
            .unwrap_err();
        assert_eq!(refused, InstanceAddressError::InEipBlock(inside));
        let far = Ipv4Addr::new(192, 0, 2, 1);
        let refused = simulator
            .set_instance_address("i-heifei-1", far)
            .unwrap_err();
        assert_eq!(refused, InstanceAddressError::NotLoopback(far));
        let nobody = simulator
            .set_instance_address("i-nobody", Ipv4Addr::LOCALHOST)
            .unwrap_err();
        assert_eq!(
            nobody,
            InstanceAddressError::UnknownInstance("i-nobody".into())
        );
        simulator.shutdown().await;
    });
}

#[test]
fn an_eip_of_a_computing_instance_is_accepted_by_the_api_and_refuses_every_flow() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let (port, _node) = node(&simulator, "i-heifei-1", Ipv4Addr::new(127, 0, 86, 1)).await;
        let address = eip_of(&simulator, "lb-heifei");
        let eip = ("AllocationId", "eip-heifei");
        ok(&simulator, "UnAssociateEnsEipAddress", &[eip]).await;
        let bind = [eip, ("InstanceId", "i-heifei-1")];
        ok(&simulator, "AssociateEnsEipAddress", &bind).await;
        assert_eq!(failure((address, port).into()).await, CLOSED);
        let told = simulator.look(|cloud| cloud.unserved_eips().contains_key(&address));
        assert!(told, "nobody is told why");
        simulator.shutdown().await;
    });
}
