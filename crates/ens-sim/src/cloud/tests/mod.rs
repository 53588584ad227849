//! The core, driven call by call on a clock of its own.

mod backends;
mod eips;
mod faults;
mod forwarding;
mod limits;
mod listener_limits;
mod listeners;
mod load_balancers;
mod reads;
mod rows;
mod saved;
mod searches;
mod switches;
mod tables;
mod tags_and_monitors;

use std::time::Duration;

use super::*;

/// What CreateLoadBalancer needs.
const NEW_ELB: &[(&str, &str)] = &[
    ("EnsRegionId", "cn-hefei"),
    ("LoadBalancerSpec", "elb.s2.small"),
    ("NetworkId", "n-heifei"),
    ("VSwitchId", "vsw-heifei-1"),
    ("PayType", "PostPaid"),
];

/// What CreateEipInstance needs.
const NEW_EIP: &[(&str, &str)] = &[
    ("EnsRegionId", "cn-hefei"),
    ("InstanceChargeType", "PostPaid"),
    ("InternetChargeType", "95BandwidthByMonth"),
];

/// A cloud and its clock.
struct Run {
    cloud: Cloud,
    now: Timestamp,
}

impl Run {
    /// The guide's world, where everything takes as long as in a real region, without rate limits.
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(set_up: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            latency: Latency::real(),
            rate_limits: RateLimits::Off,
            ..Config::default()
        };
        set_up(&mut config);
        let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        Self {
            cloud: Cloud::new(config, 1).unwrap(),
            now,
        }
    }

    fn switched(switch: impl FnOnce(&mut Switches)) -> Self {
        Self::with(|config| {
            config.latency = Latency::instant();
            switch(&mut config.switches);
        })
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    fn reply(&mut self, action: &str, params: &[(&str, &str)]) -> Reply {
        let get_only = [
            "DescribeLoadBalancers",
            "DescribeLoadBalancerSpec",
            "DescribeRegionIsps",
            "DescribeLoadBalancerListenMonitor",
        ];
        let request = Request {
            account: self.cloud.config().account.clone(),
            method: if get_only.contains(&action) {
                Method::Get
            } else {
                Method::Post
            },
            action: action.to_owned(),
            params: params
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        self.cloud.handle(&request, self.now)
    }

    /// The body of a call that has to succeed.
    #[track_caller]
    fn ok(&mut self, action: &str, params: &[(&str, &str)]) -> Value {
        let response = self.reply(action, params).response;
        assert_eq!(response.status, 200, "{action}: {}", response.body);
        response.body
    }

    /// The code of a call that has to be refused with HTTP 400.
    #[track_caller]
    fn refused(&mut self, action: &str, params: &[(&str, &str)]) -> String {
        let response = self.reply(action, params).response;
        assert_eq!(response.status, 400, "{action}: {}", response.body);
        response.code().unwrap().to_owned()
    }

    /// An Active ELB made by a call.
    fn new_elb(&mut self) -> String {
        let id = text(&self.ok("CreateLoadBalancer", NEW_ELB), "/LoadBalancerId");
        self.wait(8);
        id
    }

    /// An Available EIP made by a call.
    fn new_eip(&mut self) -> String {
        let id = text(&self.ok("CreateEipInstance", NEW_EIP), "/AllocationId");
        self.wait(5);
        id
    }

    fn elb_status(&mut self, id: &str) -> String {
        text(
            &self.ok("DescribeLoadBalancerAttribute", &[("LoadBalancerId", id)]),
            "/LoadBalancerStatus",
        )
    }

    fn eip_status(&mut self, id: &str) -> String {
        let body = self.ok("DescribeEnsEipAddresses", &[("AllocationId", id)]);
        text(&body, "/EipAddresses/EipAddress/0/Status")
    }
}

#[track_caller]
fn text(body: &Value, pointer: &str) -> String {
    body.pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {pointer} in {body}"))
        .to_owned()
}

#[track_caller]
fn number(body: &Value, pointer: &str) -> u64 {
    body.pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no {pointer} in {body}"))
}

/// `given` with some parameters replaced or added.
fn but<'a>(given: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = given
        .iter()
        .filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    kept.chain(more).copied().collect()
}

#[test]
fn the_same_seed_and_calls_give_the_same_answers() {
    let run = || {
        let mut run = Run::new();
        let id = run.new_elb();
        (id, run.new_eip(), run.ok("DescribeEnsRegions", &[]))
    };
    assert_eq!(run(), run());
}

#[test]
fn an_unknown_action_is_not_found() {
    let response = Run::new().reply("DescribeHealthStatus", &[]).response;
    assert_eq!(
        (response.status, response.code()),
        (404, Some("InvalidAction.NotFound"))
    );
    for field in ["RequestId", "HostId", "Code", "Message", "Recommend"] {
        assert!(
            response.body[field].is_string(),
            "the error body has no {field}: {}",
            response.body
        );
    }
}

#[test]
fn a_get_only_action_refuses_post() {
    let mut run = Run::new();
    let request = Request {
        account: run.cloud.config().account.clone(),
        method: Method::Post,
        action: "DescribeLoadBalancers".into(),
        params: BTreeMap::new(),
    };
    let response = run.cloud.handle(&request, run.now).response;
    assert_eq!(
        (response.status, response.code()),
        (403, Some("UnsupportedHTTPMethod"))
    );
}

#[test]
fn the_next_transition_is_known_and_a_cloud_at_rest_has_none() {
    let mut run = Run::new();
    assert_eq!(run.cloud.next_transition(), None);
    run.ok("CreateLoadBalancer", NEW_ELB);
    assert_eq!(
        run.cloud.next_transition(),
        Some(run.now.after(Duration::from_secs(8)))
    );
    run.wait(8);
    run.cloud.settle(run.now);
    assert_eq!(run.cloud.next_transition(), None);
}

#[test]
fn a_world_that_contradicts_itself_is_refused() {
    let build = |world| {
        Cloud::new(
            Config {
                world,
                ..Config::default()
            },
            0,
        )
        .map(|_| ())
        .unwrap_err()
    };
    let unknown = World::new().network("n-1", "cn-nowhere", "10.0.0.0/8");
    assert!(matches!(build(unknown), WorldError::UnknownRegion { .. }));
    let unknown = World::new().vswitch("vsw-1", "n-1", Ipv4Addr::new(10, 0, 0, 0));
    assert!(matches!(build(unknown), WorldError::UnknownNetwork { .. }));
    let unknown = World::new().instance("i-1", "one", "vsw-1");
    assert!(matches!(build(unknown), WorldError::UnknownVSwitch { .. }));
}

#[test]
fn another_account_sees_an_empty_cloud() {
    let mut run = Run::new();
    let mut request = Request {
        account: "somebody-else".into(),
        method: Method::Get,
        action: "DescribeLoadBalancers".into(),
        params: BTreeMap::new(),
    };
    assert_eq!(
        number(
            &run.cloud.handle(&request, run.now).response.body,
            "/TotalCount"
        ),
        0
    );
    request.action = "DescribeLoadBalancerAttribute".into();
    request
        .params
        .insert("LoadBalancerId".into(), "lb-heifei".into());
    assert_eq!(
        run.cloud.handle(&request, run.now).response.code(),
        Some("LoadBalancerNotFound")
    );
}
