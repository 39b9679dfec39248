//! Faults that do not pass: the run ends in time and says why, and what it left is finished by the next.

use std::time::Duration;

use tests::proxy::{Fault, Rule};

use super::in_lanes;
use super::lane::Step;

#[test]
fn a_run_whose_server_is_lost_at_any_call_ends_in_time_and_says_what_it_was_doing() {
    let test = "k8s-apply without a server from some call on";
    in_lanes(test, 5, 20, |lane, number| {
        lane.cycle(|lane, step| {
            lane.proxy.fault(Rule::new(Fault::cut()).from(3 * number));
            let ended = lane.run(step, &["--retry-for", "1s", "--timeout", "2s"]);
            let log = lane.proxy.log();
            let told = |what: &str| Err(format!("{what}: {ended:?}\n{}\n{log}", ended.said));
            if log.faults().is_empty() {
                return lane.well(&ended);
            }
            // Some calls come one after the other, and each tries for a second; then the wait has its own limit.
            if ended.took > Duration::from_secs(10) {
                return told("it took too long");
            }
            if !matches!(ended.code, Some(1 | 4)) {
                return told("it ended with another code");
            }
            if !["gave up after", "the time is up"].iter().any(|words| ended.said.contains(words)) {
                return told("it does not say why");
            }
            lane.proxy.reset();
            lane.succeeds(step).or_else(|fault| {
                let gone = step == Step::Delete && fault.contains("there is no set");
                if gone { Ok(()) } else { Err(fault) }
            })
        })
    });
}

#[test]
fn what_the_server_means_is_asked_once() {
    let test = "k8s-apply and refusals";
    let refusals = [
        Fault::error(400, "this cannot be understood"),
        Fault::error(401, "who are you"),
        Fault::error(403, "you may not do this"),
        Fault::error(422, "this is not valid"),
    ];
    in_lanes(test, 2, refusals.len(), |lane, number| {
        lane.cycle(|lane, step| {
            if step != Step::Second {
                return lane.succeeds(step);
            }
            for is_dry in [true, false] {
                lane.proxy.reset();
                let rule = Rule::new(refusals[number - 1].clone()).method("PATCH");
                let rule = rule.path("/configmaps/settings");
                lane.proxy.fault(if is_dry { rule.with_query("dryRun") } else { rule.writes() });
                let ended = lane.run(step, &[]);
                let log = lane.proxy.log();
                let tried = log.faults().len();
                let writes = log.writes().len();
                // Nothing is written when it is a dry run; else the run ends with what was under way.
                let expected = if is_dry { [2, 2] } else { [1, 4] };
                if tried != 1
                    || !ended.code.is_some_and(|code| expected.contains(&code))
                    || (is_dry && writes > 0)
                    || !ended.said.contains("settings")
                {
                    return Err(format!("{ended:?}\n{}\n{log}", ended.said));
                }
            }
            lane.proxy.reset();
            lane.succeeds(step)
        })
    });
}

#[test]
fn the_time_that_the_server_asks_for_is_waited() {
    let test = "k8s-apply and Retry-After";
    in_lanes(test, 3, 6, |lane, number| {
        lane.cycle(|lane, step| {
            lane.proxy.fault(Rule::new(Fault::too_many_requests(2)).nth(number * 6 - 3));
            lane.succeeds(step)?;
            let log = lane.proxy.log();
            let [refused] = log.faults()[..] else { return Ok(()) };
            let again = log.calls().iter().find(|call| {
                call.number > refused.number
                    && (&call.method, &call.path, call.is_dry_run, call.is_watch())
                        == (&refused.method, &refused.path, refused.is_dry_run, refused.is_watch())
            });
            let waited = again.map(|again| again.started.duration_since(refused.started));
            // What was to be watched for may be seen otherwise.
            let is_needless = again.is_none() && refused.is_watch();
            if is_needless || waited.is_some_and(|waited| waited >= Duration::from_secs(2)) {
                return Ok(());
            }
            Err(format!("waited {waited:?}\n{log}"))
        })
    });
}
