//! What a firing sends when it has ended.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Firing, Net, Output, Outputs};
use crate::model::{Control, Kind, Workflow};

impl Net {
    /// `ordering`: holds outputs back until those of all earlier firings are out.
    pub(super) fn emit_in_order(
        &mut self,
        process: u32,
        number: u32,
        outputs: Option<Outputs>,
        ready: &mut Vec<Firing>,
    ) {
        let late = match self.specials.get_mut(&process) {
            Some(special) if number >= special.next_to_emit => {
                special.held.insert(number, outputs);
                None
            }
            // A firing that failed, was passed over and has run again.
            _ => outputs,
        };
        if let Some(outputs) = late {
            self.emit(process, outputs, ready);
        }
        while let Some(special) = self.specials.get_mut(&process)
            && let Some(outputs) = special.held.remove(&special.next_to_emit)
        {
            special.next_to_emit += 1;
            if let Some(outputs) = outputs {
                self.emit(process, outputs, ready);
            }
        }
    }

    /// Data outputs in order, then `count`, then `next`. A choice tells its join first how many it chose.
    pub(super) fn emit(&mut self, process: u32, outputs: Outputs, ready: &mut Vec<Firing>) {
        let workflow = Arc::clone(&self.workflow);
        let is_choice = workflow.rows[process as usize].kind == Kind::Choice;
        let explicit = match outputs {
            Outputs::Plain => Vec::new(),
            Outputs::Nothing => return self.emit_control(process, &workflow, Control::Next, ready),
            Outputs::Explicit(outputs) => outputs,
        };
        if is_choice {
            let chosen = explicit.iter().filter(|output| output.chosen).count();
            let merge = Some(Arc::new(json!({ "Nb": chosen, "Nj": chosen })));
            for &signal in workflow.outs_of(process) {
                if workflow.signals[signal as usize].control == Some(Control::Merge) {
                    self.deliver(signal, &merge, ready);
                }
            }
        }
        let counts =
            workflow.rare(process).map(|rare| rare.out_counts.as_slice()).unwrap_or_default();
        let mut emitted = Vec::with_capacity(counts.len());
        let mut explicit = explicit.into_iter();
        for (at, &signal) in workflow.outs_of(process).iter().enumerate() {
            if workflow.signals[signal as usize].control.is_some() {
                continue;
            }
            let output = explicit.next().unwrap_or_else(Output::plain);
            let mut instances = 0;
            if !is_choice || output.chosen {
                match output.values {
                    None => {
                        instances = 1;
                        self.deliver(signal, &None, ready);
                    }
                    Some(values) => {
                        instances = values.len();
                        for value in values {
                            self.deliver(signal, &Some(Arc::new(value)), ready);
                        }
                    }
                }
            }
            if let Some(&(_, count)) = counts.iter().find(|(position, _)| *position == at as u32) {
                emitted.push((count, instances));
            }
        }
        for (count, instances) in emitted {
            if instances > 0 {
                self.deliver(count, &Some(Arc::new(Value::from(instances))), ready);
            }
        }
        self.emit_control(process, &workflow, Control::Next, ready);
    }

    fn emit_control(
        &mut self,
        process: u32,
        workflow: &Workflow,
        control: Control,
        ready: &mut Vec<Firing>,
    ) {
        for &signal in workflow.outs_of(process) {
            if workflow.signals[signal as usize].control == Some(control) {
                self.deliver(signal, &None, ready);
            }
        }
    }
}
