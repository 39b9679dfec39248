//! Connections that break, hosts that hang, disks that are full.

use std::time::{Duration, Instant};

use fleet::ContactError;
use node_bootstrap::agent::Request;
use remote::{AGENT_FOLDER, Agent, Options, Target};

use super::bed::{AGENT, Bed, LONG, ask, away, has, play, player, target, until, unusable};

#[test]
fn a_host_that_cannot_be_reached_is_told_apart() {
    let Some(bed) = Bed::of(1) else { return };
    let options = || Options { connect_timeout: Duration::from_secs(2), ..bed.options() };
    let at =
        |host: &str, port| Target { host: host.to_owned(), port: Some(port), ..bed.target("ops") };
    has(&away(bed.tries(at(bed.host().address(), 2), options())), &["refused", "ssh.port"]);
    has(
        &away(bed.tries(at("no-such-host.invalid", 22), options())),
        &["finds no host of the name"],
    );
    has(&away(bed.tries(at("10.99.0.250", 22), options())), &["does not answer"]);
    has(&away(bed.tries(at("192.0.2.1", 22), options())), &["does not answer"]);
}

#[test]
fn a_connection_that_is_cut_in_mid_call_is_broken_and_the_next_call_makes_a_new_one() {
    let Some(bed) = Bed::of(1) else { return };
    bed.hosts.at_desk(|| {
        let contact = bed.contact(bed.target("ops"), bed.options());
        for _ in 0..2 {
            std::thread::scope(|scope| {
                let asked = scope.spawn(|| ask(&contact, "one", &play("sleep"), LONG));
                until("the agent runs", || runs(&bed, "sleep 300"));
                // In the host's own processes.
                bed.host().done(&["pkill", "-KILL", "-f", "^sshd: ops"]);
                let broken = asked.join().unwrap();
                assert!(matches!(broken, Err(ContactError::Broken(_))), "{broken:?}");
            });
            bed.host().done(&["pkill", "-KILL", "-f", "sleep 300"]);
            ask(&contact, "one", &Request::Undo, LONG).unwrap();
        }
    });
}

#[test]
fn a_host_that_was_started_again_between_two_calls_is_no_failure() {
    let Some(bed) = Bed::of(1) else { return };
    bed.hosts.at_desk(|| {
        let contact = bed.contact(bed.target("ops"), bed.options());
        ask(&contact, "one", &Request::Undo, LONG).unwrap();
        bed.host().done(&["pkill", "-KILL", "-f", "^sshd: "]);
        until("sshd listens again", || {
            bed.host().run(&["sh", "-c", "kill -0 $(cat /run/sshd.pid)"]).status.success()
        });
        ask(&contact, "one", &Request::Undo, LONG).unwrap();
    });
}

#[test]
fn a_host_that_hangs_meets_the_deadline() {
    let Some(bed) = Bed::of(1) else { return };
    let options = || Options {
        connect_timeout: Duration::from_secs(3),
        keep_alive: Duration::from_secs(1),
        ..bed.options()
    };
    bed.hosts.at_desk(|| {
        let contact = bed.contact(bed.target("ops"), options());
        // It works for too long.
        let begin = Instant::now();
        let late = ask(&contact, "one", &play("sleep"), Duration::from_secs(3));
        assert!(matches!(late, Err(ContactError::Deadline { .. })), "{late:?}");
        assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());

        bed.host().done(&["pkill", "-KILL", "-f", "sleep 300"]);

        // It does not answer any more in mid-call: found out without a deadline.
        let begin = std::thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&contact, "one", &play("sleep"), LONG));
            until("the agent runs", || runs(&bed, "sleep 300"));
            bed.host().done(&["iptables", "-A", "INPUT", "-j", "DROP"]);
            let begin = Instant::now();
            let broken = asked.join().unwrap();
            assert!(matches!(broken, Err(ContactError::Broken(_))), "{broken:?}");
            begin
        });
        assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
        has(&away(ask(&contact, "one", &Request::Undo, LONG)), &["does not answer"]);
        bed.host().done(&["iptables", "-F", "INPUT"]);

        // sshd hangs: the connection is made, and nothing comes.
        bed.host().done(&["sh", "-c", "kill -STOP $(cat /run/sshd.pid)"]);
        let begin = Instant::now();
        let contact = bed.contact(bed.target("ops"), options());
        has(&away(ask(&contact, "one", &Request::Undo, LONG)), &["does not answer"]);
        assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
        bed.host().done(&["sh", "-c", "kill -CONT $(cat /run/sshd.pid)"]);
        ask(&contact, "one", &Request::Undo, LONG).unwrap();
    });
}

#[test]
fn an_agent_that_dies_is_not_a_connection_that_breaks() {
    let Some(bed) = Bed::of(1) else { return };
    bed.hosts.at_desk(|| {
        let contact = bed.contact(bed.target("ops"), bed.options());
        let died = ask(&contact, "one", &play("die"), LONG).unwrap_err().to_string();
        has(&died, &["was killed on the host", "out of luck"]);
        let other = ask(&contact, "one", &play("talk"), LONG).unwrap_err().to_string();
        has(&other, &["exit code 4", "1 lines are not of this build", "on the other side"]);
        assert!(!other.contains("not for the desk"), "{other}");
    });
}

#[test]
fn a_full_disk_is_told_and_nothing_half_written_stays() {
    let Some(bed) = Bed::of(1) else { return };
    // A file system of 4 MiB.
    let small = "mkdir /dev/small && ln -s /dev/small /var/lib/node-prep";
    bed.host().done(&["sh", "-c", small]);
    let big = || Agent::new(vec![b'#'; 6 << 20]);
    bed.hosts.at_desk(|| {
        let hosts = || vec![("one".to_owned(), bed.target("ops"))];
        let contact = bed.contact_with(hosts(), bed.options(), big());
        let full = unusable(ask(&contact, "one", &Request::Undo, LONG));
        has(&full, &["the disk of", "is full", "6144 KiB are needed", "KiB are free"]);
        // It was not taken for ready.
        has(&unusable(ask(&contact, "one", &Request::Undo, LONG)), &["is full"]);
    });
    assert_eq!(bed.host().done(&["ls", "-A", AGENT_FOLDER]), "");
    // What fits does.
    bed.tries(bed.target("ops"), bed.options()).unwrap();
}

#[test]
fn what_is_changed_on_its_way_to_the_disk_is_not_put_in_place() {
    let Some(bed) = Bed::of(1) else { return };
    let old = format!("{AGENT_FOLDER}/old");
    bed.host().write(&old, "an old one");
    bed.host().write("/usr/local/bin/cat", "#!/bin/sh\nexec /bin/cat \"$@\" | tr b c\n");
    bed.host().done(&["chmod", "755", "/usr/local/bin/cat"]);
    let wrong = unusable(bed.tries(bed.target("ops"), bed.options()));
    has(&wrong, &["did not come", "as it was sent", "SHA-256"]);
    assert_eq!(bed.host().done(&["ls", "-A", AGENT_FOLDER]), "old\n");
    bed.host().done(&["rm", "/usr/local/bin/cat"]);
    bed.tries(bed.target("ops"), bed.options()).unwrap();
    assert_eq!(bed.host().done(&["ls", "-A", AGENT_FOLDER]).trim(), player().sha256());
}

#[test]
fn a_transfer_that_is_cut_leaves_nothing() {
    let Some(bed) = Bed::of(1) else { return };
    // Slow enough to be cut.
    bed.host().write("/usr/local/bin/cat", "#!/bin/sh\nsleep 300 & wait; exec /bin/cat \"$@\"\n");
    bed.host().done(&["chmod", "755", "/usr/local/bin/cat"]);
    // More than is on the way at once.
    let mut bytes = AGENT.as_bytes().to_vec();
    bytes.resize(8 << 20, b'#');
    bed.hosts.at_desk(|| {
        let hosts = vec![("one".to_owned(), bed.target("root"))];
        let contact = bed.contact_with(hosts, bed.options(), Agent::new(bytes));
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&contact, "one", &Request::Undo, LONG));
            until("the file comes", || runs(&bed, "sleep 300"));
            bed.host().done(&["pkill", "-KILL", "-f", "^sshd: root"]);
            let broken = asked.join().unwrap();
            assert!(matches!(broken, Err(ContactError::Broken(_))), "{broken:?}");
        });
        bed.host().done(&["rm", "/usr/local/bin/cat"]);
        bed.host().done(&["pkill", "-KILL", "-f", "sleep 300"]);
        until("what was half-written is gone", || {
            bed.host().done(&["ls", "-A", AGENT_FOLDER]).is_empty()
        });
        ask(&contact, "one", &Request::Undo, LONG).unwrap();
    });
}

#[test]
fn one_dead_host_of_ten_does_not_delay_the_others() {
    let Some(bed) = Bed::of(10) else { return };
    let dead = &bed.all[3];
    dead.done(&["iptables", "-A", "INPUT", "-j", "DROP"]);
    let silent = Duration::from_secs(15);
    let options = Options { connect_timeout: silent, ..bed.options() };
    let hosts: Vec<(String, Target)> =
        bed.all.iter().map(|host| (host.name().to_owned(), target(host, "ops"))).collect();
    let begin = Instant::now();
    let mut took = bed.hosts.at_desk(|| {
        let contact = bed.contact_with(hosts, options, player());
        std::thread::scope(|scope| {
            let asked: Vec<_> = bed
                .all
                .iter()
                .map(|host| {
                    let contact = &contact;
                    scope.spawn(move || {
                        let said = ask(contact, host.name(), &Request::Undo, LONG);
                        (host.name(), said, begin.elapsed(), contact.round_trips(host.name()))
                    })
                })
                .collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect::<Vec<_>>()
        })
    });
    let (_, said, took_dead, _) = took.remove(3);
    has(&away(said), &["does not answer"]);
    assert!(took_dead >= silent, "{took_dead:?}");
    for (name, said, took, trips) in took {
        assert_eq!(said.unwrap().events, ["uid 0 arguments agent"], "{name}");
        assert_eq!(trips, 3);
        assert!(took < silent, "{name} took {took:?}");
    }
}

/// Whether a process with these words runs in the first host.
fn runs(bed: &Bed, words: &str) -> bool {
    bed.host().run(&["pgrep", "-f", &format!("^{words}$")]).status.success()
}
