use super::*;
use crate::cloud::{Config, Method, Protocol, Request};

const NOW: Timestamp = Timestamp(1_769_860_800_000);

fn cloud() -> Cloud {
    Cloud::new(Config::default(), 1).unwrap()
}

fn call(cloud: &mut Cloud, action: &str, params: &[(&str, &str)]) {
    let request = Request {
        account: cloud.config().account.clone(),
        method: Method::Post,
        action: action.to_owned(),
        params: params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    cloud.handle(&request, NOW);
}

fn shown(cloud: &Cloud, now: Timestamp) -> String {
    words(&html(cloud, &Bound::new(), now))
}

/// A page without its tags.
fn words(page: &str) -> String {
    let pieces = page.split('<').filter_map(|piece| piece.split_once('>'));
    let text: Vec<&str> = pieces.map(|(_, text)| text).collect();
    text.join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_tree_shows_each_thing_where_it_lies_with_its_status() {
    let mut cloud = cloud();
    let elb = ("LoadBalancerId", "lb-heifei");
    let port = ("ListenerPort", "80");
    call(
        &mut cloud,
        "CreateLoadBalancerTCPListener",
        &[elb, port, ("BackendServerPort", "30080")],
    );
    call(&mut cloud, "StartLoadBalancerListener", &[elb, port]);
    call(
        &mut cloud,
        "AddBackendServers",
        &[elb, ("BackendServers", r#"[{"ServerId":"i-heifei-1"}]"#)],
    );
    let address = cloud.eip("eip-heifei").unwrap().address;
    let page = shown(&cloud, NOW);
    let wanted = format!(
        "vSwitch vsw-heifei-1 10.8.1.0/24 Available \
         ELB lb-heifei user-heifei 10.8.1.11 Active there from the start \
         listener tcp 80 &rarr; 30080 wrr Running at {address}:80 \
         server i-heifei-1 10.8.1.10 weight 100 \
         instance i-heifei-1 heifei-1 10.8.1.10 Running not placed on this machine"
    );
    assert!(page.contains(&wanted), "{page}");
    let wanted = format!(
        "EIP eip-heifei user-heifei {address} InUse bound to lb-heifei there from the start"
    );
    assert!(page.contains(&wanted), "{page}");
    assert!(
        page.find("region cn-chengdu").unwrap() < page.find("region cn-hefei").unwrap(),
        "regions are not sorted"
    );
}

#[test]
fn a_listener_on_a_port_that_this_user_may_not_bind_shows_where_it_is() {
    let mut cloud = cloud();
    let (elb, port) = (("LoadBalancerId", "lb-heifei"), ("ListenerPort", "80"));
    let listener = [elb, port, ("BackendServerPort", "30080")];
    call(&mut cloud, "CreateLoadBalancerTCPListener", &listener);
    call(&mut cloud, "StartLoadBalancerListener", &[elb, port]);
    let address = cloud.eip("eip-heifei").unwrap().address;
    for (at, wanted) in [
        (80, format!("at {address}:80 instance")),
        (
            20_080,
            format!("at {address}:80 here at {address}:20080 instance"),
        ),
    ] {
        let bound = Bound::from([((address, Protocol::Tcp, 80), (address, at).into())]);
        let page = words(&html(&cloud, &bound, NOW));
        assert!(page.contains(&wanted), "{page}");
    }
}

#[test]
fn the_last_call_comes_first_with_its_age_and_its_code() {
    let mut cloud = cloud();
    call(&mut cloud, "DescribeEnsRegions", &[]);
    call(
        &mut cloud,
        "DescribeLoadBalancerAttribute",
        &[("LoadBalancerId", "lb-none")],
    );
    let page = shown(&cloud, NOW.after(std::time::Duration::from_secs(125)));
    let wanted = "Last of 2 calls When Times Action Result Parameters \
                  2 min ago 1 DescribeLoadBalancerAttribute LoadBalancerNotFound LoadBalancerId=lb-none \
                  2 min ago 1 DescribeEnsRegions OK";
    assert!(page.contains(wanted), "{page}");
}

#[test]
fn calls_that_only_repeat_are_one_row() {
    let mut cloud = cloud();
    call(&mut cloud, "DescribeEnsRegions", &[]);
    for _ in 0..9 {
        let one = [("LoadBalancerId", "lb-heifei")];
        call(&mut cloud, "DescribeLoadBalancerAttribute", &one);
    }
    let page = shown(&cloud, NOW);
    let wanted = "0 s ago 9 DescribeLoadBalancerAttribute";
    assert!(page.contains(wanted), "{page}");
    assert!(page.ends_with("0 s ago 1 DescribeEnsRegions OK"), "{page}");
}

#[test]
fn an_eip_of_a_computing_instance_says_that_nothing_answers_on_it() {
    let mut cloud = cloud();
    call(
        &mut cloud,
        "UnAssociateEnsEipAddress",
        &[("AllocationId", "eip-heifei")],
    );
    call(
        &mut cloud,
        "AssociateEnsEipAddress",
        &[("AllocationId", "eip-heifei"), ("InstanceId", "i-heifei-1")],
    );
    let page = shown(&cloud, NOW);
    assert!(
        page.contains(
            "bound to i-heifei-1 the simulator forwards through ELBs only: nothing answers here"
        ),
        "{page}"
    );
    assert!(page.contains("changes of what a person owns: 2."), "{page}");
}

#[test]
fn no_text_of_a_caller_becomes_markup() {
    let mut cloud = cloud();
    let evil = "<script>alert('x')</script>\"";
    let name = [("LoadBalancerId", "lb-heifei"), ("LoadBalancerName", evil)];
    call(&mut cloud, "ModifyLoadBalancerAttribute", &name);
    call(&mut cloud, evil, &[(evil, evil)]);
    let page = html(&cloud, &Bound::new(), NOW);
    assert!(!page.contains("<script") && !page.contains("'x'"), "{page}");
    assert!(
        page.matches("&lt;script&gt;alert(&#39;x&#39;)").count() >= 5,
        "{page}"
    );
}

#[test]
fn the_page_is_for_people_and_its_json_for_programs() {
    let get = |uri: &str| http::Request::get(uri).body(()).unwrap();
    assert_eq!(wanted(&get("/")), Some(Page::Html));
    assert_eq!(wanted(&get("/state.json")), Some(Page::Json));
    assert_eq!(wanted(&get("/?Action=DescribeInstances")), None);
    let json: serde_json::Value =
        serde_json::from_str(&Page::Json.render(&cloud(), &Bound::new(), NOW)).unwrap();
    assert_eq!(json["snapshot"]["load_balancers"][1]["id"], "lb-heifei");
    assert_eq!(json["snapshot"]["regions"][0]["id"], "cn-chengdu");
    assert_eq!(json["journal"]["calls"], json!([]));
    assert_eq!(json["now"], "2026-01-31T12:00:00Z");
}
