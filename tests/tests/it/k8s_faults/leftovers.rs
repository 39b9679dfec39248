//! What a killed run had only begun is waited for by the next one.

use std::time::Duration;

use tests::proxy::{Fault, Rule};

use super::in_lanes;
use super::lane::Step;
use super::program::LONG;
use super::state::path;

#[test]
fn an_object_that_a_killed_prune_had_begun_to_delete_is_waited_for_by_the_next_run() {
    let test = "k8s-apply and an object that is slow to go";
    in_lanes(test, 1, 1, |lane, _| {
        let goes = format!("{}/goes", path(&lane.names, "ConfigMap"));
        lane.cycle_and_idle(|lane, step| {
            if step != Step::Second {
                return lane.succeeds(step);
            }
            lane.server.merge(&goes, r#"{"metadata": {"finalizers": ["example.org/slow"]}}"#);
            let stop = Fault::stop().after_forwarding();
            lane.proxy.fault(Rule::new(stop).method("DELETE").path_regex("/configmaps/goes$"));
            let running = lane.start(step, &[]);
            let has_stopped = lane.proxy.wait_until_stopped(LONG);
            running.kill();
            assert!(has_stopped, "{}", lane.proxy.log());
            lane.proxy.reset();
            let mut again = lane.start(step, &[]);
            let watches = lane.proxy.wait_until(LONG, |log| {
                !log.that(|call| call.is_watch() && call.path.ends_with("/configmaps")).is_empty()
            });
            assert!(watches && !again.has_ended(), "{}", lane.proxy.log());
            std::thread::sleep(Duration::from_millis(300));
            assert!(!again.has_ended(), "{}", lane.proxy.log());
            lane.server.merge(&goes, r#"{"metadata": {"finalizers": null}}"#);
            lane.well(&again.end(LONG))
        })
    });
}
