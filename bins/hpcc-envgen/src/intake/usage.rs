//! The text of `-help`.

/// envgen's options in our words.
pub const USAGE: &str = "\
Usage: hpcc-envgen [generate] -env FILE -ip LIST [OPTIONS]

Options in envgen's style. Their case does not matter, and they may be mixed with options that have two
dashes: see `hpcc-envgen generate --help`.

  -env FILE                The environment.xml to write.
  -ip LIST                 Addresses. Separated by semicolons; 10.0.0.1-9 is a range of nine. May be repeated.
  -ipfile FILE             Addresses from a file. May be repeated, and mixed with -ip; the order counts.
  -supportnodes N          So many addresses at the start of the list are for components other than Thor
                           and Roxie [default: 1]
  -roxienodes N            Addresses for Roxie; with 0 there is no Roxie [default: 1]
  -thornodes N             Addresses for Thor slaves; with 0 there is no Thor. The master comes on top
                           [default: 1]
  -espnodes N              ESP instances. More than one need -assign_ips esp [default: 1]
  -slavesPerNode N         Thor slaves on each address [default: 1]
  -thorChannelsPerSlave N  Channels of a Thor slave [default: 1]
  -roxieChannelsPerSlave N Channels of a Roxie server [default: 1]
  -roxieondemand N         1: Roxie takes queries on demand; any other number: it does not [default: 1]
  -assign_ips BUILDSET LIST
                           Addresses for this build set only. Of thor's the first is the master's.
  -o CATEGORY=DIRECTORY    A directory for a category such as log or data. It must contain [NAME], and
                           [INST] or [COMPONENT].
  -override BUILDSET,@ATTRIBUTE,VALUE
                           Set an attribute of all components of a build set.
  -set_xpath_attrib_value XPATH @ATTRIBUTE VALUE
                           Set an attribute of an element, which is made if it is missing.
  -help, -?                Print this.
";
