//! Every switch in both settings: what a call meets by default, and what it meets with that switch turned over.

use super::*;

/// A switch, what is looked at, and what is seen by default and turned over.
type Row = (
    &'static str,
    fn(&mut Run) -> String,
    &'static str,
    &'static str,
);

const ELB: (&str, &str) = ("LoadBalancerId", "lb-heifei");
const PORT: (&str, &str) = ("ListenerPort", "80");

const ROWS: &[Row] = &[
    (
        "long_names_refused",
        |run| {
            let name = "x".repeat(81);
            code(
                run,
                "CreateLoadBalancer",
                &but(NEW_ELB, &[("LoadBalancerName", &name)]),
            )
        },
        "InvalidParameter.LoadBalancerName",
        "OK",
    ),
    (
        "set_refused_while_running",
        |run| {
            running(run);
            code(
                run,
                "SetLoadBalancerTCPListenerAttribute",
                &[ELB, PORT, ("Scheduler", "rr")],
            )
        },
        "OK",
        "IncorrectListenerStatus",
    ),
    (
        "delete_refused_while_running",
        |run| {
            running(run);
            code(run, "DeleteLoadBalancerListener", &[ELB, PORT])
        },
        "IncorrectListenerStatus",
        "OK",
    ),
    (
        "repeated_start_or_stop_refused",
        |run| {
            running(run);
            code(run, "StartLoadBalancerListener", &[ELB, PORT])
        },
        "IncorrectListenerStatus",
        "OK",
    ),
    (
        "busy_per_elb",
        |run| {
            run.cloud.config_mut().latency = Latency::real();
            let rename = [ELB, ("LoadBalancerName", "other")];
            run.ok("ModifyLoadBalancerAttribute", &rename);
            code(run, "ModifyLoadBalancerAttribute", &rename)
        },
        "OK",
        "IncorrectInstanceStatus",
    ),
    (
        "delete_load_balancer_known",
        |run| code(run, "DeleteLoadBalancer", &[ELB]),
        "OK",
        "InvalidAction.NotFound",
    ),
    (
        "release_instance_takes_elb",
        |run| code(run, "ReleaseInstance", &[("InstanceId", "lb-heifei")]),
        "OK",
        "InvalidParameter.InstanceId",
    ),
    (
        "release_needs_inactive",
        |run| code(run, "ReleaseInstance", &[("InstanceId", "lb-heifei")]),
        "OK",
        "IncorrectInstanceStatus",
    ),
    (
        "release_refused_while_bound",
        |run| code(run, "ReleaseInstance", &[("InstanceId", "lb-heifei")]),
        "OK",
        "IncorrectInstanceStatus",
    ),
    (
        "new_elb_stays_inactive",
        |run| {
            let id = run.new_elb();
            run.elb_status(&id)
        },
        "Active",
        "InActive",
    ),
    (
        "qch_on_tcp_refused",
        |run| {
            let listener = [ELB, PORT, ("BackendServerPort", "1"), ("Scheduler", "qch")];
            code(run, "CreateLoadBalancerTCPListener", &listener)
        },
        "InvalidParameter.Scheduler",
        "OK",
    ),
    (
        "unknown_parameters_refused",
        |run| code(run, "DescribeEnsRegions", &[("Colour", "red")]),
        "InvalidParameter.Colour",
        "OK",
    ),
    (
        "gone_eip_answers_5100",
        |run| code(run, "ReleaseInstance", &[("InstanceId", "eip-gone")]),
        "InstanceNotFound",
        "5100",
    ),
    (
        "backend_ip_with_line_feed",
        |run| {
            run.ok(
                "AddBackendServers",
                &[ELB, ("BackendServers", r#"[{"ServerId":"i-heifei-1"}]"#)],
            );
            text(
                &run.ok("DescribeLoadBalancerAttribute", &[ELB]),
                "/BackendServers/0/Ip",
            )
        },
        "10.8.1.10\n",
        "10.8.1.10",
    ),
    (
        "add_of_attached_refused",
        |run| {
            let add = [ELB, ("BackendServers", r#"[{"ServerId":"i-heifei-1"}]"#)];
            run.ok("AddBackendServers", &add);
            code(run, "AddBackendServers", &add)
        },
        "OK",
        "InvalidParameter.BackendServers",
    ),
    (
        "removal_cuts_flows",
        |run| {
            running(run);
            let one = [ELB, ("BackendServers", r#"[{"ServerId":"i-heifei-1"}]"#)];
            run.ok("AddBackendServers", &one);
            let flow = Flow {
                address: run.cloud.eip("eip-heifei").unwrap().address,
                port: 80,
                protocol: Protocol::Tcp,
                source: "1.2.3.4:1000".parse().unwrap(),
            };
            let backend = run.cloud.connect(&flow, run.now).unwrap();
            run.ok("RemoveBackendServers", &one);
            let carried = run.cloud.carries(&flow, &backend, run.now);
            carried.map_or_else(|why| why.to_string(), |()| "OK".to_owned())
        },
        "the server was removed from the ELB",
        "OK",
    ),
    (
        "throttling_says_how_long",
        |run| {
            run.cloud.config_mut().rate_limits = RateLimits::Published;
            for _ in 0..5 {
                run.ok("CreateLoadBalancer", NEW_ELB);
            }
            let throttled = run.reply("CreateLoadBalancer", NEW_ELB).response;
            assert_eq!(throttled.code(), Some("Throttling.User"));
            format!("{:?}", throttled.headers)
        },
        "[]",
        r#"[("x-acs-retry-after", "200")]"#,
    ),
    (
        "late_call_holds_token",
        |run| {
            let late = Fault::LateEffect(Duration::from_secs(60));
            run.cloud.config_mut().faults = FaultPlan::default().at("CreateLoadBalancer", 1, late);
            let params = but(NEW_ELB, &[("ClientToken", "t")]);
            run.reply("CreateLoadBalancer", &params);
            code(run, "CreateLoadBalancer", &params)
        },
        "PROCESSING",
        "OK",
    ),
    (
        "name_filter",
        |run| {
            let part = [("LoadBalancerName", "heifei")];
            number(&run.ok("DescribeLoadBalancers", &part), "/TotalCount").to_string()
        },
        "1",
        "0",
    ),
    (
        "missing_load_balancer",
        |run| {
            code(
                run,
                "DescribeLoadBalancerAttribute",
                &[("LoadBalancerId", "lb-gone")],
            )
        },
        "LoadBalancerNotFound",
        "OK",
    ),
];

fn code(run: &mut Run, action: &str, params: &[(&str, &str)]) -> String {
    let response = run.reply(action, params).response;
    response.code().unwrap_or("OK").to_owned()
}

fn running(run: &mut Run) {
    run.ok(
        "CreateLoadBalancerTCPListener",
        &[ELB, PORT, ("BackendServerPort", "30080")],
    );
    run.ok("StartLoadBalancerListener", &[ELB, PORT]);
}

#[test]
fn each_switch_changes_what_it_names_and_there_is_none_without_a_row() {
    for (name, look, by_default, turned) in ROWS {
        assert_eq!(
            look(&mut Run::switched(|_| {})),
            *by_default,
            "{name} by default"
        );
        let mut run = Run::switched(|switches| assert!(switches.turn(name), "no switch {name}"));
        assert_eq!(look(&mut run), *turned, "{name} turned over");
    }
    let mut rows: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
    let mut switches: Vec<&str> = Switches::each().iter().map(|(name, _)| *name).collect();
    rows.sort_unstable();
    switches.sort_unstable();
    assert_eq!(rows, switches);
}
