//! Faults of single calls.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::proxy::{Fault, Rule};

use super::{Setting, config_map};

#[test]
fn an_answer_in_place_of_the_servers_is_a_status_with_code_reason_and_wait() {
    let Some(at) = Setting::new("the proxy's answers") else { return };
    let cases = [
        (Fault::too_many_requests(7), 429, "TooManyRequests", "try again later"),
        (Fault::error(500, "oh"), 500, "InternalError", "oh"),
        (Fault::error(503, "not now"), 503, "ServiceUnavailable", "not now"),
        (Fault::error(504, "too slow"), 504, "Timeout", "too slow"),
        (Fault::webhook_failed("a.b.c"), 500, "InternalError", "failed calling webhook \"a.b.c\""),
        (Fault::quota_conflict("q"), 409, "Conflict", "on resourcequotas \"q\": the object has"),
        (Fault::gone(), 410, "Expired", "too old resource version"),
    ];
    for (fault, code, reason, words) in cases {
        at.proxy.reset();
        at.proxy.fault(Rule::new(fault).writes().times(1));
        let answer = at.create("refused").unwrap();
        let value = answer.value();
        assert_eq!((answer.code, value["code"].as_u64()), (code, Some(code.into())));
        assert_eq!((&value["kind"], &value["reason"]), (&"Status".into(), &reason.into()));
        assert!(value["message"].as_str().unwrap().contains(words), "{value}");
        assert_eq!(answer.retry_after.as_deref(), (code == 429).then_some("7"));
        let log = at.proxy.log();
        assert!(!log.calls()[0].is_forwarded && log.calls()[0].ended.is_some(), "{log}");
    }
    assert!(!at.exists("refused"));
    at.proxy.reset();
    at.proxy.fault(Fault::plain(502, "<html>bad gateway</html>"));
    let answer = at.get("/version").unwrap();
    assert_eq!((answer.code, answer.text().as_str()), (502, "<html>bad gateway</html>"));
}

#[test]
fn only_the_calls_that_a_rule_fits_are_touched() {
    let Some(at) = Setting::new("the proxy's rules") else { return };
    let dry = at.path("configmaps?dryRun=All");
    at.proxy.fault(Rule::new(Fault::error(503, "no")).method("POST").dry_runs().nth(2));
    let codes = [1, 2, 3].map(|_| at.call("POST", &dry, &config_map("dry")).unwrap().code);
    assert_eq!(codes, [201, 503, 201]);
    assert_eq!(at.create("wet").unwrap().code, 201);
    let log = at.proxy.log();
    assert_eq!((log.dry_runs().len(), log.writes().len(), log.faults().len()), (3, 1, 1), "{log}");
    assert_eq!(log.faults()[0].number, 2);
}

#[test]
fn an_answer_can_replace_one_of_a_server_that_has_done_the_work() {
    let Some(at) = Setting::new("the proxy's late answers") else { return };
    at.proxy.fault(Rule::new(Fault::error(504, "too slow").after_forwarding()).writes());
    assert_eq!(at.create("done").unwrap().code, 504);
    assert!(at.exists("done"));
    let log = at.proxy.log();
    let call = log.writes()[0];
    assert_eq!((call.code, call.server_code), (Some(504), Some(201)), "{log}");
}

#[test]
fn a_cut_comes_before_the_server_and_a_lost_answer_after_it() {
    let Some(at) = Setting::new("the proxy's cuts") else { return };
    at.proxy.fault(Rule::new(Fault::cut()).writes().nth(1));
    at.proxy.fault(Rule::new(Fault::lost_answer()).writes().nth(2));
    assert!(at.create("before").is_none());
    assert!(at.create("after").is_none());
    assert!(!at.exists("before") && at.exists("after"));
    assert_eq!(at.create("after").unwrap().code, 409);
    let log = at.proxy.log();
    let seen: Vec<_> =
        log.writes().iter().map(|c| (c.is_forwarded, c.server_code, c.code)).collect();
    let expected = [(false, None, None), (true, Some(201), None), (true, Some(409), Some(409))];
    assert_eq!(seen, expected, "{log}");
}

#[test]
fn a_body_ends_after_so_many_bytes() {
    let Some(at) = Setting::new("the proxy's cut bodies") else { return };
    assert_eq!(at.create("some").unwrap().code, 201);
    let path = at.path("configmaps/some");
    let whole = at.get(&path).unwrap();
    for bytes in [0, 1, 100] {
        at.proxy.reset();
        at.proxy.fault(Rule::new(Fault::cut_body(bytes)).times(1));
        let answer = at.get(&path).unwrap();
        assert_eq!((answer.code, answer.is_whole), (200, false));
        assert_eq!(answer.body, whole.body[..bytes], "{}", answer.text());
    }
    assert!(at.get(&path).unwrap().is_whole);
}

#[test]
fn a_stall_holds_one_call_and_a_delay_lets_it_go_on() {
    let Some(at) = Setting::new("the proxy's stalls") else { return };
    at.proxy.fault(Rule::new(Fault::stall()).writes().nth(1));
    at.proxy.fault(Rule::new(Fault::stall().after_forwarding()).writes().nth(2));
    let delay = Duration::from_millis(300);
    at.proxy.fault(Rule::new(Fault::delay(delay)).writes().nth(3));
    let path = at.path("configmaps");
    assert!(at.hangs("POST", &path, &config_map("never")));
    assert!(at.hangs("POST", &path, &config_map("silent")));
    let began = Instant::now();
    assert_eq!(at.create("late").unwrap().code, 201);
    assert!(began.elapsed() >= delay);
    assert_eq!(["never", "silent", "late"].map(|name| at.exists(name)), [false, true, true]);
    // The client has given both up, which ends them.
    let all_ended = |log: &tests::proxy::Log| log.calls().iter().all(|call| call.ended.is_some());
    assert!(at.proxy.wait_until(super::LONG, all_ended), "{}", at.proxy.log());
}

#[test]
fn calls_that_hang_are_cut_when_the_faults_are_cleared() {
    let Some(at) = Setting::new("the end of the proxy's stalls") else { return };
    at.proxy.fault(Fault::stall());
    let path = at.path("configmaps");
    let call = at.runtime.spawn({
        let client = at.client.clone();
        async move { super::send(&client, super::request("GET", &path, &Value::Null)).await }
    });
    let proxy = &at.proxy;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(proxy.wait_until(super::LONG, |log| !log.calls().is_empty()));
            proxy.clear_faults();
        });
        let ended = at.runtime.block_on(async { tokio::time::timeout(super::LONG, call).await });
        assert!(ended.expect("it ends").unwrap().is_none());
    });
    assert_eq!(at.get("/version").unwrap().code, 200);
}
