//! Logins, `sudo`, files, and how often `ssh` is run, with a real sshd.

use std::fs;
use std::time::{Duration, Instant};

use fleet::{Contact, ContactError};
use node_bootstrap::agent::{Answer, Request};
use remote::{AGENT_FOLDER, Agent, Options, Target};
use secret::Secret;

use super::bed::{
    Bed, LONG, SOCKETS, ask, away, has, play, player, processes, target, texts, until, unusable,
};

#[test]
fn an_unknown_host_key_is_refused_until_it_is_said_to_be_taken() {
    let Some(bed) = Bed::of(1) else { return };
    fs::write(bed.login.known_hosts(), "").unwrap();
    let refused = away(bed.tries(bed.target("ops"), bed.options()));
    has(&refused, &["host key", "is not known", "--accept-new-host-keys", "true`"]);
    assert_eq!(fs::read_to_string(bed.login.known_hosts()).unwrap(), "");

    let accepting = Options { accept_new_host_keys: true, ..bed.options() };
    bed.tries(bed.target("ops"), accepting).unwrap();
    has(&fs::read_to_string(bed.login.known_hosts()).unwrap(), &[bed.host().address()]);
    // It is known from now on.
    bed.tries(bed.target("ops"), bed.options()).unwrap();
}

#[test]
fn a_changed_host_key_is_never_taken() {
    let Some(bed) = Bed::of(1) else { return };
    let other = fs::read_to_string(bed.login.other_key().with_extension("pub")).unwrap();
    let known = format!("# none\n{} {other}", bed.host().address());
    fs::write(bed.login.known_hosts(), &known).unwrap();
    for accept_new_host_keys in [false, true] {
        let options = Options { accept_new_host_keys, ..bed.options() };
        let refused = away(bed.tries(bed.target("ops"), options));
        let place = format!("{}:2", bed.login.known_hosts().display());
        has(&refused, &["never accepted", &place]);
    }
    assert_eq!(fs::read_to_string(bed.login.known_hosts()).unwrap(), known);
}

#[test]
fn a_user_or_a_key_that_is_not_let_in_is_told() {
    let Some(bed) = Bed::of(1) else { return };
    let refused = away(bed.tries(bed.target("nobody-here"), bed.options()));
    has(&refused, &["the user nobody-here", "Permission denied"]);

    // A configuration without keys.
    let config = bed.scratch.path().join("config");
    let known = bed.login.known_hosts();
    fs::write(&config, format!("Host *\n  UserKnownHostsFile {}\n", known.display())).unwrap();
    let with_key = |file: String| {
        let options = Options { config: Some(config.clone()), ..Options::default() };
        bed.tries(Target { identity_file: Some(file), ..bed.target("ops") }, options)
    };
    let other = bed.login.other_key().display().to_string();
    has(&away(with_key(other.clone())), &["the key", &other, "authorized_keys"]);
    has(&away(with_key("/no/key".to_owned())), &["/no/key not accessible"]);
    with_key(bed.login.key().display().to_string()).unwrap();
}

#[test]
fn root_is_become_in_every_way_and_what_hinders_is_told() {
    let Some(bed) = Bed::of(1) else { return };
    let with =
        |password: &str| Options { sudo_password: Some(Secret::new(password)), ..bed.options() };
    let right = bed.login.password();
    for (user, options) in [
        ("root", bed.options()),
        ("ops", bed.options()),
        ("ops", with("not asked for")),
        ("pw", with(&right)),
    ] {
        let said = bed.tries(bed.target(user), options).unwrap();
        assert_eq!(said.events, ["uid 0 arguments agent"], "{user}");
    }
    has(
        &unusable(bed.tries(bed.target("pw"), bed.options())),
        &["wants a password of the user pw"],
    );
    let begin = Instant::now();
    let wrong = unusable(bed.tries(bed.target("pw"), with("wrong")));
    has(&wrong, &["does not take the password for the user pw"]);
    assert!(!wrong.contains("wrong:"), "{wrong}");
    assert!(begin.elapsed() < Duration::from_secs(15));
    has(
        &unusable(bed.tries(bed.target("nosudo"), with(&right))),
        &["does not let the user nosudo"],
    );
    bed.host().done(&["mv", "/usr/bin/sudo", "/root/"]);
    has(&unusable(bed.tries(bed.target("ops"), bed.options())), &["there is no sudo"]);
    bed.tries(bed.target("root"), bed.options()).unwrap();
}

#[test]
fn the_password_is_in_no_log_and_no_process() {
    let Some(bed) = Bed::of(1) else { return };
    let password = bed.login.password();
    let options = Options { sudo_password: Some(Secret::new(&password)), ..bed.options() };
    assert!(!format!("{options:?}").contains(&password));
    let mut seen = 0;
    bed.hosts.at_desk(|| {
        let contact = bed.contact(bed.target("pw"), options);
        assert!(!format!("{contact:?}").contains(&password));
        std::thread::scope(|scope| {
            let asked =
                scope.spawn(|| ask(&contact, "one", &play("sleep"), Duration::from_secs(8)));
            while !asked.is_finished() {
                let all = processes();
                assert!(!all.contains(&password));
                seen += usize::from(all.contains("sudo -k -S"));
            }
            assert!(matches!(asked.join().unwrap(), Err(ContactError::Deadline { .. })));
        });
    });
    assert!(seen > 0, "the processes were never looked at while sudo ran");
    let logs = texts(&bed.logs());
    has(&logs, &["> restart", "Note play: uid 0", "sudo with a password"]);
    assert!(!logs.contains(&password), "{logs}");
    assert!(
        !bed.host().done(&["sh", "-c", "cat /var/log/* 2>/dev/null; true"]).contains(&password)
    );
}

#[test]
fn another_port_and_a_host_on_the_way_lead_there() {
    let Some(bed) = Bed::of(2) else { return };
    let far = &bed.all[1];
    far.done(&["/usr/sbin/sshd", "-p", "2222"]);
    let at_port = Target { port: Some(2222), ..target(far, "ops") };
    bed.tries(at_port.clone(), bed.options()).unwrap();

    // From here on there is only one way.
    let desk = ["iptables", "-A", "INPUT", "-s", "10.99.0.1", "-j", "REJECT"];
    far.done(&desk);
    has(&away(bed.tries(at_port.clone(), bed.options())), &["refused"]);
    let way = bed.host().address();
    let through = |jump: String| Target { jump: Some(jump), ..at_port.clone() };
    bed.tries(through(format!("ops@{way}")), bed.options()).unwrap();
    bed.tries(through(format!("ops@{way}:22,ops@{way}")), bed.options()).unwrap();

    let refused = away(bed.tries(through(format!("ops@{way}:2")), bed.options()));
    has(&refused, &["through", "refused"]);
    let not_let_in = away(bed.tries(through(format!("nobody-here@{way}")), bed.options()));
    has(&not_let_in, &["nobody-here", "Permission denied"]);
    // The key of the host on the way is checked as well, and nobody is asked.
    let known = fs::read_to_string(bed.login.known_hosts()).unwrap();
    let only_far: Vec<&str> = known.lines().filter(|line| !line.starts_with(way)).collect();
    fs::write(bed.login.known_hosts(), only_far.join("\n") + "\n").unwrap();
    has(&away(bed.tries(through(format!("ops@{way}")), bed.options())), &["is not known", way]);
}

#[test]
fn what_is_done_already_is_not_done_again() {
    let Some(bed) = Bed::of(1) else { return };
    bed.hosts.at_desk(|| {
        let first = bed.contact(bed.target("ops"), bed.options());
        ask(&first, "one", &Request::Undo, LONG).unwrap();
        assert_eq!(first.round_trips("one"), 3, "look, bring, ask");
        ask(&first, "one", &Request::Undo, LONG).unwrap();
        assert_eq!(first.round_trips("one"), 4);
        let second = bed.contact(bed.target("ops"), bed.options());
        ask(&second, "one", &Request::Undo, LONG).unwrap();
        assert_eq!(second.round_trips("one"), 2, "look, ask");
    });
    let path = player().path();
    let modes = bed.host().done(&["stat", "-c", "%a %U", AGENT_FOLDER, &path]);
    assert_eq!(modes, "700 root\n700 root\n");

    // Another build takes its place, and what somebody changed is replaced.
    bed.host().write(&format!("{AGENT_FOLDER}/old"), "an old one");
    bed.host().done(&["sh", "-c", &format!("echo 'echo tampered' >>{path}")]);
    let said = bed.tries(bed.target("ops"), bed.options()).unwrap();
    assert_eq!(said.events, ["uid 0 arguments agent"]);
    let names = bed.host().done(&["ls", "-A", AGENT_FOLDER]);
    assert_eq!(names.trim(), player().sha256());
}

#[test]
fn an_agent_that_another_desk_took_away_is_brought_again() {
    let Some(bed) = Bed::of(1) else { return };
    bed.hosts.at_desk(|| {
        let contact = bed.contact(bed.target("ops"), bed.options());
        ask(&contact, "one", &Request::Undo, LONG).unwrap();
        bed.host().done(&["rm", &player().path()]);
        ask(&contact, "one", &Request::Undo, LONG).unwrap();
        assert_eq!(contact.round_trips("one"), 6, "ask in vain, bring, ask");
    });
}

#[test]
fn files_come_and_go_as_they_are_and_for_root_only() {
    let Some(bed) = Bed::of(1) else { return };
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number * 7 / 3) as u8).collect();
    let path = "/var/lib/node-prep/some files/it's one";
    bed.hosts.at_desk(|| {
        let contact = bed.contact(bed.target("ops"), bed.options());
        contact.put("one", path, &content).unwrap();
        let mut came = Vec::new();
        assert_eq!(contact.fetch("one", path, &mut came).unwrap(), content.len() as u64);
        assert!(came == content);
        contact.put("one", path, b"").unwrap();
        assert_eq!(contact.fetch("one", path, &mut Vec::new()).unwrap(), 0);
        has(&unusable(contact.fetch("one", "/no/file", &mut Vec::new())), &["no file /no/file"]);
    });
    assert_eq!(bed.host().done(&["stat", "-c", "%a %U", path]), "600 root\n");
}

#[test]
fn a_host_that_is_busy_is_asked_again_until_it_is_not() {
    let Some(bed) = Bed::of(1) else { return };
    bed.hosts.at_desk(|| {
        let contact = bed.contact(bed.target("ops"), bed.options());
        let begin = Instant::now();
        let busy = ask(&contact, "one", &play("busy"), Duration::from_secs(3));
        has(&busy.unwrap_err().to_string(), &["another one works on this host"]);
        assert!(begin.elapsed() < Duration::from_secs(10));
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&contact, "one", &play("busy"), LONG));
            let before = contact.round_trips("one");
            until("it was asked again", || contact.round_trips("one") > before + 1);
            bed.host().write("/root/free", "");
            let said = asked.join().unwrap().unwrap();
            assert!(matches!(said.answer, Answer::Done(done) if done.changes == 2));
            let waits = said.events.iter().filter(|text| text.contains("another one")).count();
            assert_eq!(waits, 1);
        });
    });
}

#[test]
fn a_talkative_login_and_a_strange_shell_disturb_nothing() {
    let Some(bed) = Bed::of(1) else { return };
    bed.host().write("/home/ops/.bashrc", "echo hello from the login; echo and here >&2\n");
    let said = bed.tries(bed.target("ops"), bed.options()).unwrap();
    assert_eq!(said.events, ["uid 0 arguments agent"]);
    bed.host().done(&["usermod", "--shell", "/usr/sbin/nologin", "ops"]);
    has(&unusable(bed.tries(bed.target("ops"), bed.options())), &["cannot run a program there"]);
}

#[test]
fn connections_are_closed_and_nothing_stays_at_the_desk() {
    let Some(bed) = Bed::of(1) else { return };
    bed.hosts.at_desk(|| {
        let contact = bed.contact(bed.target("ops"), bed.options());
        ask(&contact, "one", &Request::Undo, LONG).unwrap();
        let ours = format!("{}/wl-", bed.scratch.path().join(SOCKETS).display());
        assert!(processes().contains(&ours), "one connection is kept open");
        drop(contact);
        until("the connection is closed", || !processes().contains(&ours));
    });
    assert_eq!(fs::read_dir(bed.scratch.path().join(SOCKETS)).unwrap().count(), 0);
}

#[test]
fn the_real_agent_answers_from_a_host() {
    let Some(bed) = Bed::of(1) else { return };
    let agent = Agent::read(tests::node_prep()).unwrap();
    bed.hosts.at_desk(|| {
        for trips in [3, 2] {
            let hosts = vec![("one".to_owned(), bed.target("ops"))];
            let contact = bed.contact_with(hosts, bed.options(), agent.clone());
            let survey = Request::Survey { wish: None, nodes: false, findings: false };
            let said = ask(&contact, "one", &survey, LONG).unwrap();
            let Answer::Survey(survey) = said.answer else { panic!("{:?}", said.answer) };
            has(&format!("{survey:?}"), &[bed.host().name()]);
            assert_eq!(contact.round_trips("one"), trips);
        }
    });
}
