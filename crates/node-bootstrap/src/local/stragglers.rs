//! Programs of a run that was killed, which still work: whoever holds the lock next waits for their end. Else they would change the
//! host after it was looked at.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::getpid;

/// What tells the programs of a run: its session, and what it holds the lock of.
pub(super) const MARK: &str = "NODE_PREP_RUN";
/// How long they are waited for. Installing may take longer; then the run is refused, and may be tried again.
const LIMIT: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// The value of [`MARK`] for the programs of this process.
pub(super) fn mark(lock: &str) -> String {
    format!("{} {lock}", stat("self").unwrap_or_default().session)
}

/// Waits for their end; else the first that still works.
pub(super) fn wait(lock: &str) -> Result<(), String> {
    let until = Instant::now() + LIMIT;
    loop {
        match first(lock) {
            None => return Ok(()),
            Some(process) if Instant::now() >= until => return Err(process),
            Some(_) => sleep(PAUSE),
        }
    }
}

fn first(lock: &str) -> Option<String> {
    let own = getpid().as_raw_nonzero().get().to_string();
    let all = fs::read_dir("/proc").ok()?.flatten();
    let names = all.filter_map(|entry| entry.file_name().into_string().ok());
    let mut processes = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    processes.find_map(|process| {
        if process == own {
            return None;
        }
        // One that ends meanwhile, or that is somebody else's, is none.
        let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
        let session = session_of(&environment, lock)?;
        let now = stat(&process)?;
        // What a program leaves for good, a service, is in a session of its own; and the dead only wait to be noticed.
        (now.session == session && now.state != "Z")
            .then(|| format!("process {process}, {}", now.name))
    })
}

/// What the kernel tells of a process, see `proc_pid_stat(5)`.
#[derive(Debug, Default)]
struct Stat {
    name: String,
    state: String,
    /// The process that leads the session: 0 where that is outside of this PID namespace, or was never made, which `getsid` of
    /// rustix has no value for.
    session: String,
}

fn stat(process: &str) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (head, rest) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = rest.split_ascii_whitespace();
    let (state, session) = (fields.next()?, fields.nth(2)?);
    Some(Stat { name: name.to_owned(), state: state.to_owned(), session: session.to_owned() })
}

/// The session of the run that started a program with this environment, if it holds the same lock.
fn session_of<'e>(environment: &'e [u8], lock: &str) -> Option<&'e str> {
    let start = format!("{MARK}=");
    let own = environment
        .split(|byte| *byte == 0)
        .find_map(|variable| std::str::from_utf8(variable).ok()?.strip_prefix(start.as_str()))?;
    let (session, of) = own.split_once(' ')?;
    (of == lock).then_some(session)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn sleeper(mark: &str) -> std::process::Child {
        Command::new("sleep").arg("60").env(MARK, mark).spawn().unwrap()
    }

    #[test]
    fn what_a_killed_run_left_working_is_waited_for() {
        let lock = format!("/test/{}", getpid().as_raw_nonzero());
        let mut child = sleeper(&mark(&lock));
        // The kernel shows the environment of a program a moment after it has begun.
        let until = Instant::now() + LIMIT;
        while first(&lock).is_none() && Instant::now() < until {
            sleep(PAUSE);
        }
        assert!(first(&lock).is_some_and(|process| process.ends_with(", sleep")));
        let ending = std::thread::spawn(move || child.kill().and_then(|()| child.wait()));
        wait(&lock).unwrap();
        assert_eq!(first(&lock), None);
        ending.join().unwrap().unwrap();
    }

    #[test]
    fn services_and_programs_of_other_trees_are_not_waited_for() {
        let lock = format!("/test/{}-other", getpid().as_raw_nonzero());
        let mut children = [sleeper(&format!("1 {lock}")), sleeper(&mark("/elsewhere"))];
        assert_eq!(first(&lock), None);
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
