use super::*;
use crate::cloud::{HealthKey, ListenerKey};

const NODE: &[(&str, &str)] = &[("ResourceType", "instance"), ("ResourceId.1", "i-heifei-1")];

#[test]
fn tags_of_an_instance_are_set_listed_filtered_and_taken_off() {
    let mut run = Run::new();
    let tags = [("Tag.1.Key", "a"), ("Tag.1.Value", "1"), ("Tag.2.Key", "b")];
    run.ok("TagResources", &but(NODE, &tags));
    let listed = run.ok("ListTagResources", NODE);
    assert_eq!(listed["TagResources"].as_array().map(Vec::len), Some(2));
    let by_tag = [
        ("ResourceType", "instance"),
        ("Tag.1.Key", "a"),
        ("Tag.1.Value", "2"),
    ];
    let listed = run.ok("ListTagResources", &by_tag);
    assert_eq!(
        listed["TagResources"],
        json!([]),
        "another value is another tag"
    );
    let with = |run: &mut Run, tags| {
        number(
            &run.ok("DescribeInstances", &[("Tags", tags)]),
            "/TotalCount",
        )
    };
    assert_eq!(with(&mut run, r#"[{"Key":"a","Value":"1"}]"#), 1);
    assert_eq!(with(&mut run, r#"[{"Key":"c"}]"#), 0);
    run.ok("UntagResources", &but(NODE, &[("TagKey.1", "a")]));
    let listed = run.ok("ListTagResources", NODE);
    assert_eq!(text(&listed, "/TagResources/0/TagKey"), "b");
    run.ok("UntagResources", &but(NODE, &[("All", "true")]));
    assert_eq!(run.ok("ListTagResources", NODE)["TagResources"], json!([]));
    assert_eq!(run.cloud.journal().foreign_touches.len(), 3);
}

#[test]
fn missing_parameter_resource_ids_or_tags() {
    let nothing = [("ResourceType", "instance")];
    assert_eq!(
        Run::new().refused("ListTagResources", &nothing),
        "MissingParameter.ResourceIdsOrTags"
    );
}

#[test]
fn tags_of_what_is_not_there_or_too_many_are_refused_whole() {
    let mut run = Run::new();
    let gone = [("ResourceId.2", "i-gone"), ("Tag.1.Key", "a")];
    assert_eq!(
        run.refused("TagResources", &but(NODE, &gone)),
        "InstanceNotFound"
    );
    assert_eq!(run.ok("ListTagResources", NODE)["TagResources"], json!([]));
    let many: Vec<(String, String)> = (1..=20)
        .map(|n| (format!("Tag.{n}.Key"), format!("k{n}")))
        .collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    run.ok("TagResources", &but(NODE, &many));
    assert_eq!(
        run.refused("TagResources", &but(NODE, &[("Tag.1.Key", "more")])),
        "InvalidParameter.Tag"
    );
}

#[test]
fn the_listener_monitor_counts_healthy_and_unhealthy_servers_now_and_nothing_at_other_times() {
    let mut run = Run::switched(|_| {});
    run.ok(
        "CreateLoadBalancerTCPListener",
        &[
            ("LoadBalancerId", "lb-heifei"),
            ("ListenerPort", "80"),
            ("BackendServerPort", "30080"),
        ],
    );
    let servers = r#"[{"ServerId":"i-heifei-1"},{"ServerId":"i-heifei-2"}]"#;
    run.ok(
        "AddBackendServers",
        &[("LoadBalancerId", "lb-heifei"), ("BackendServers", servers)],
    );
    let key = HealthKey {
        load_balancer: "lb-heifei".into(),
        listener: ListenerKey {
            port: 80,
            protocol: Protocol::Tcp,
        },
        server_id: "i-heifei-1".into(),
    };
    run.cloud.report_health(key, false);
    let ask = |run: &mut Run, start, end| {
        let params = [
            ("LoadBalancerId", "lb-heifei"),
            ("VPort", "80"),
            ("StartTime", start),
            ("EndTime", end),
        ];
        run.reply("DescribeLoadBalancerListenMonitor", &params)
            .response
    };
    let now = ask(&mut run, "2026-01-31 11:00:00", "2026-01-31 13:00:00").body;
    let row = "/LoadBalancerMonitorListenData/0";
    assert_eq!(text(&now, &format!("{row}/ValidRsNum")), "1");
    assert_eq!(text(&now, &format!("{row}/InValidRsNum")), "1");
    let past = ask(&mut run, "2026-01-30 11:00:00", "2026-01-30 13:00:00").body;
    assert_eq!(past["LoadBalancerMonitorListenData"], json!([]));
    for (start, end) in [
        ("2026-01-30 11:00:00", "2026-01-31 11:00:01"),
        ("2026-01-31 11:00:00", "2026-01-31 10:59:59"),
    ] {
        let refused = ask(&mut run, start, end);
        assert_eq!(refused.code(), Some("InvalidParameter.EndTime"));
    }
    let refused = ask(&mut run, "yesterday", "2026-01-31 10:59:59");
    assert_eq!(refused.code(), Some("InvalidParameter.StartTime"));
}
