use super::*;

const ID: (&str, &str) = ("LoadBalancerId", "lb-heifei");

fn add(run: &mut Run, servers: &str) -> Value {
    run.ok("AddBackendServers", &[ID, ("BackendServers", servers)])
}

fn refused(servers: &str) -> String {
    Run::new().refused("AddBackendServers", &[ID, ("BackendServers", servers)])
}

fn weights(run: &mut Run) -> Vec<(String, u64)> {
    let body = run.ok("DescribeLoadBalancerAttribute", &[ID]);
    let servers = body["BackendServers"].as_array().unwrap();
    servers
        .iter()
        .map(|server| (text(server, "/ServerId"), number(server, "/Weight")))
        .collect()
}

#[test]
fn adding_echoes_numbers_and_reading_shows_text_with_a_line_feed() {
    let mut run = Run::new();
    let body = add(
        &mut run,
        r#"[{"ServerId":"i-heifei-1","Port":"0","Type":"ens"}]"#,
    );
    let server = body.pointer("/BackendServers/BackendServer/0").unwrap();
    assert_eq!(
        (
            number(server, "/Port"),
            number(server, "/Weight"),
            text(server, "/Ip")
        ),
        (0, 100, "10.8.1.10".into())
    );
    let body = run.ok("DescribeLoadBalancerAttribute", &[ID]);
    assert_eq!(
        (
            text(&body, "/BackendServers/0/Port"),
            text(&body, "/BackendServers/0/Ip")
        ),
        ("0".into(), "10.8.1.10\n".into())
    );
    let mut run = Run::switched(|switches| switches.backend_ip_with_line_feed = false);
    add(&mut run, r#"[{"ServerId":"i-heifei-1"}]"#);
    assert_eq!(
        text(
            &run.ok("DescribeLoadBalancerAttribute", &[ID]),
            "/BackendServers/0/Ip"
        ),
        "10.8.1.10"
    );
}

#[test]
fn what_is_no_list_of_1_to_20_servers_is_refused() {
    let many: Vec<String> = (0..21)
        .map(|n| format!(r#"{{"ServerId":"i-{n}"}}"#))
        .collect();
    for servers in [
        "no json",
        "{}",
        "[]",
        "[1]",
        r#"[{"Weight":1}]"#,
        r#"[{"ServerId":"i-heifei-1","Weight":101}]"#,
        r#"[{"ServerId":"i-heifei-1","Weight":-1}]"#,
        r#"[{"ServerId":"i-heifei-1","Port":65536}]"#,
        r#"[{"ServerId":"i-heifei-1","Type":"vm"}]"#,
        r#"[{"ServerId":"i-heifei-1","Type":1}]"#,
        r#"[{"ServerId":"i-heifei-1","Colour":"red"}]"#,
        r#"[{"ServerId":1}]"#,
        r#"[{"ServerId":"eni-1","Type":"eni","Ip":"somewhere"}]"#,
        r#"[{"ServerId":"i-heifei-1"},{"ServerId":"i-heifei-1"}]"#,
        r#"[{"ServerId":"i-heifei-1","Ip":"10.0.0.1"}]"#,
        r#"[{"ServerId":"eni-1","Type":"eni"}]"#,
        &format!("[{}]", many.join(",")),
    ] {
        assert_eq!(
            refused(servers),
            "InvalidParameter.BackendServers",
            "{servers}"
        );
    }
    assert_eq!(
        Run::new().refused("AddBackendServers", &[ID]),
        "MissingBackendServers"
    );
}

#[test]
fn a_server_that_is_missing_elsewhere_or_not_running_is_refused_with_its_whole_batch() {
    assert_eq!(refused(r#"[{"ServerId":"i-gone"}]"#), "InstanceNotFound");
    assert_eq!(
        refused(r#"[{"ServerId":"i-chengdu-1"}]"#),
        "InvalidParameter.BackendServers"
    );
    let mut run = Run::new();
    assert!(
        run.cloud
            .set_instance_status("i-heifei-2", InstanceStatus::Stopped)
    );
    let both = r#"[{"ServerId":"i-heifei-1"},{"ServerId":"i-heifei-2"}]"#;
    let code = run.refused("AddBackendServers", &[ID, ("BackendServers", both)]);
    assert_eq!(
        (code.as_str(), weights(&mut run)),
        ("InvalidParameter.BackendServers", vec![])
    );
}

#[test]
fn set_changes_weights_and_needs_them() {
    let mut run = Run::new();
    add(
        &mut run,
        r#"[{"ServerId":"i-heifei-1","Weight":30},{"ServerId":"i-heifei-2"}]"#,
    );
    let set = |servers| [ID, ("BackendServers", servers)];
    run.ok(
        "SetBackendServers",
        &set(r#"[{"ServerId":"i-heifei-1","Weight":0}]"#),
    );
    assert_eq!(
        weights(&mut run),
        [("i-heifei-1".into(), 0), ("i-heifei-2".into(), 100)]
    );
    for servers in [
        r#"[{"ServerId":"i-heifei-1"}]"#,
        r#"[{"ServerId":"i-other","Weight":1}]"#,
        r#"[{"ServerId":"i-heifei-1","Weight":1,"Port":0}]"#,
    ] {
        assert_eq!(
            run.refused("SetBackendServers", &set(servers)),
            "InvalidParameter.BackendServers"
        );
    }
}

#[test]
fn remove_takes_out_what_is_attached_and_forgives_what_is_not() {
    let mut run = Run::new();
    add(
        &mut run,
        r#"[{"ServerId":"i-heifei-1"},{"ServerId":"i-heifei-2"}]"#,
    );
    let servers = r#"[{"ServerId":"i-heifei-1","Type":"ens","Weight":100},{"ServerId":"i-gone"}]"#;
    run.ok("RemoveBackendServers", &[ID, ("BackendServers", servers)]);
    assert_eq!(weights(&mut run), [("i-heifei-2".into(), 100)]);
}

#[test]
fn adding_what_is_attached_changes_nothing_or_is_refused_as_the_switch_says() {
    let again = [
        ID,
        (
            "BackendServers",
            r#"[{"ServerId":"i-heifei-1","Weight":5}]"#,
        ),
    ];
    let mut run = Run::new();
    add(&mut run, r#"[{"ServerId":"i-heifei-1"}]"#);
    run.ok("AddBackendServers", &again);
    assert_eq!(weights(&mut run), [("i-heifei-1".into(), 100)]);
    let mut run = Run::switched(|switches| switches.add_of_attached_refused = true);
    add(&mut run, r#"[{"ServerId":"i-heifei-1"}]"#);
    assert_eq!(
        run.refused("AddBackendServers", &again),
        "InvalidParameter.BackendServers"
    );
}
