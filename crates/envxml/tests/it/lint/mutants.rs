//! Faults of the small cluster, at least one for each rule.

use envxml::lint::Rule;

/// A fault: each text is put in the place of another one.
pub(super) struct Mutant {
    pub(super) rule: Rule,
    /// The path of the finding.
    pub(super) path: &'static str,
    /// What is replaced, everywhere, and with what.
    pub(super) swaps: &'static [(&'static str, &'static str)],
}

const fn mutant(
    rule: Rule,
    path: &'static str,
    swaps: &'static [(&'static str, &'static str)],
) -> Mutant {
    Mutant { rule, path, swaps }
}

/// Faults of the small cluster. What is put into a place is made so that it breaks one rule only.
pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        Rule::DuplicateComputer,
        "Hardware/Computer[@name='web'][2]/@name",
        &[(
            "<ComputerType",
            r#"<Computer name="web" netAddress="10.8.9.9" domain="cluster"/><ComputerType"#,
        )],
    ),
    mutant(
        Rule::BadAddress,
        "Hardware/Computer[@name='web']/@netAddress",
        &[("10.8.0.2", "10.1.1.999")],
    ),
    mutant(
        Rule::BadAddress,
        "Hardware/Computer[@name='web']/@netAddress",
        &[
            (r#" netAddress="10.8.0.2" computerType"#, " computerType"),
            (r#"<ServerList server="10.8.0.2"/>"#, ""),
        ],
    ),
    mutant(
        Rule::DuplicateAddress,
        "Hardware/Computer[@name='again']/@netAddress",
        &[(
            "<ComputerType",
            r#"<Computer name="again" netAddress="10.8.0.2" domain="cluster"/><ComputerType"#,
        )],
    ),
    mutant(Rule::LocalAddress, "Hardware/Computer[@name='web']/@netAddress", &[("10.8.0.2", ".")]),
    mutant(
        Rule::LocalAddress,
        "Hardware/Computer[@name='web']/@netAddress",
        &[("10.8.0.2", "127.0.0.1")],
    ),
    mutant(
        Rule::DuplicateComputerType,
        "Hardware/ComputerType[@name='box'][2]/@name",
        &[("<Domain", r#"<ComputerType name="box"/><Domain"#)],
    ),
    mutant(
        Rule::UnknownComputerType,
        "Hardware/Computer[@name='web']/@computerType",
        &[(r#""10.8.0.2" computerType="box""#, r#""10.8.0.2" computerType="bix""#)],
    ),
    mutant(
        Rule::UnknownDomain,
        "Hardware/Computer[@name='support']/@domain",
        &[(
            r#"netAddress="10.8.0.1" computerType="box" domain="cluster""#,
            r#"netAddress="10.8.0.1" computerType="box" domain="other""#,
        )],
    ),
    mutant(
        Rule::UnusedComputer,
        "Hardware/Computer[@name='spare']",
        &[(
            "<ComputerType",
            r#"<Computer name="spare" netAddress="10.8.9.9" domain="cluster"/><ComputerType"#,
        )],
    ),
    mutant(
        Rule::BadName,
        "Software/SashaServerProcess[@name='my sasha!']/@name",
        &[(r#"name="mysasha""#, r#"name="my sasha!""#)],
    ),
    mutant(
        Rule::BadName,
        "Hardware/Computer[@name='web server']/@name",
        &[
            (r#"name="web""#, r#"name="web server""#),
            (r#"computer="web""#, r#"computer="web server""#),
        ],
    ),
    mutant(
        Rule::BadName,
        "Software/Topology[@name='topology']/Cluster[@name='h thor']/@name",
        &[(r#"name="hthor""#, r#"name="h thor""#)],
    ),
    mutant(Rule::MissingName, "Software/SashaServerProcess/@name", &[(r#" name="mysasha""#, "")]),
    mutant(
        Rule::DuplicateComponent,
        "Software/EspService[@name='EclWatch'][2]/@name",
        &[(
            r#"<EspService build="one" buildSet="ws_ecl""#,
            r#"<EspService build="one" buildSet="espsmc" name="EclWatch"><Properties type="WsSMC"/></EspService><EspService build="one" buildSet="ws_ecl""#,
        )],
    ),
    mutant(
        Rule::DuplicateComponent,
        "Software/SashaServerProcess[@name='mydfuserver']/@name",
        &[(r#"name="mysasha""#, r#"name="mydfuserver""#)],
    ),
    mutant(
        Rule::DuplicateInstance,
        "Software/EspProcess[@name='myesp']/Instance[@name='s2']/@computer",
        &[(
            "</EspProcess>",
            r#"<Instance computer="web" directory="/e" name="s2" netAddress="10.8.0.2"/></EspProcess>"#,
        )],
    ),
    mutant(
        Rule::DuplicateInstance,
        "Software/ThorCluster[@name='mythor']/ThorSlaveProcess[@name='s2']/@computer",
        &[(
            r#"<ThorSlaveProcess computer="thor-b" name="s2"/>"#,
            r#"<ThorSlaveProcess computer="thor-b" name="s3"/><ThorSlaveProcess computer="thor-b" name="s2"/>"#,
        )],
    ),
    mutant(
        Rule::ComponentWithoutInstance,
        "Software/EspProcess[@name='idle']",
        &[(
            "<EspService build=\"one\" buildSet=\"espsmc\"",
            "<EspProcess build=\"one\" buildSet=\"esp\" name=\"idle\"/><EspService build=\"one\" buildSet=\"espsmc\"",
        )],
    ),
    mutant(
        Rule::UnknownBuild,
        "Software/SashaServerProcess[@name='mysasha']/@build",
        &[(r#"build="one" buildSet="sasha""#, r#"build="two" buildSet="sasha""#)],
    ),
    mutant(Rule::UnknownBuild, "Environment", &[("<Build ", "<Bild "), ("</Build>", "</Bild>")]),
    mutant(
        Rule::UnknownBuildSet,
        "Software/SashaServerProcess[@name='mysasha']/@buildSet",
        &[(r#"build="one" buildSet="sasha""#, r#"build="one" buildSet="sascha""#)],
    ),
    mutant(
        Rule::UnknownServiceBuildSet,
        "Software/EspService[@name='myws_ecl']/@buildSet",
        &[(r#"build="one" buildSet="ws_ecl""#, r#"build="one" buildSet="plugged""#)],
    ),
    mutant(
        Rule::MissingBuildSet,
        "Software/SashaServerProcess[@name='mysasha']/@buildSet",
        &[(r#"build="one" buildSet="sasha""#, r#"build="one""#)],
    ),
    mutant(
        Rule::BuildMismatch,
        "Software/EspProcess[@name='myesp']/EspBinding[@name='queries']/@service",
        &[
            (r#"build="one" buildSet="ws_ecl""#, r#"build="two" buildSet="ws_ecl""#),
            ("</Programs>", r#"<Build name="two"><BuildSet name="ws_ecl"/></Build></Programs>"#),
        ],
    ),
    mutant(
        Rule::MissingDirectory,
        "Software/SashaServerProcess[@name='mysasha']/Instance[@name='s1']/@directory",
        &[(r#" directory="/var/lib/HPCCSystems/mysasha""#, "")],
    ),
    mutant(
        Rule::NoDali,
        "Software/DaliServerProcess[@name='mydali']",
        &[(
            r#"<Instance computer="support" directory="/var/lib/HPCCSystems/mydali" name="s1" netAddress="10.8.0.1" port="7070"/>"#,
            "",
        )],
    ),
    mutant(
        Rule::SeveralDalis,
        "Software/DaliServerProcess[@name='mydali']/Instance[@name='s2']",
        &[(
            "</DaliServerProcess>",
            r#"<Instance computer="web" directory="/d" name="s2" netAddress="10.8.0.2"/></DaliServerProcess>"#,
        )],
    ),
    mutant(
        Rule::MissingDafilesrv,
        "Hardware/Computer[@name='thor-b']",
        &[(
            r#"<Instance computer="thor-b" directory="/var/lib/HPCCSystems/mydafilesrv" name="s6" netAddress="10.8.2.2"/>"#,
            "",
        )],
    ),
    mutant(
        Rule::MissingFtslave,
        "Hardware/Computer[@name='roxie-a']",
        &[(
            r#"<Instance computer="roxie-a" directory="/var/lib/HPCCSystems/myftslave" name="s3" netAddress="10.8.1.1"/>"#,
            "",
        )],
    ),
    mutant(
        Rule::MissingComputer,
        "Software/ThorCluster[@name='mythor']/ThorSlaveProcess[@name='s3']/@computer",
        &[("</ThorCluster>", r#"<ThorSlaveProcess name="s3"/></ThorCluster>"#)],
    ),
    mutant(
        Rule::UnknownComputer,
        "Software/ThorCluster[@name='mythor']/ThorSlaveProcess[@name='s3']/@computer",
        &[("</ThorCluster>", r#"<ThorSlaveProcess computer="gone" name="s3"/></ThorCluster>"#)],
    ),
    mutant(
        Rule::UnknownComputer,
        "Software/DropZone[@name='olddropzone']/@computer",
        &[(r#"computer="web" directory="/data/in""#, r#"computer="wob" directory="/data/in""#)],
    ),
    mutant(
        Rule::AddressMismatch,
        "Software/SashaServerProcess[@name='mysasha']/Instance[@name='s1']/@netAddress",
        &[(r#"netAddress="10.8.0.1" port="8877""#, r#"netAddress="10.8.0.7" port="8877""#)],
    ),
    mutant(
        Rule::UnknownDali,
        "Software/SashaServerProcess[@name='mysasha']/@daliServers",
        &[(r#"daliServers="mydali" logDir"#, r#"daliServers="yourdali" logDir"#)],
    ),
    mutant(
        Rule::MissingDali,
        "Software/SashaServerProcess[@name='mysasha']/@daliServers",
        &[(r#"daliServers="mydali" logDir"#, "logDir")],
    ),
    mutant(
        Rule::EspServiceWithoutType,
        "Software/EspProcess[@name='myesp']/EspBinding[@name='queries']/@service",
        &[(r#"<Properties type="ws_ecl"/>"#, "<Properties/>")],
    ),
    mutant(
        Rule::UnknownEspService,
        "Software/EspProcess[@name='myesp']/EspBinding[@name='queries']/@service",
        &[(r#"service="myws_ecl""#, r#"service="gone""#)],
    ),
    mutant(
        Rule::UnknownEspService,
        "Software/EspProcess[@name='myesp']/EspBinding[@name='queries']/@service",
        &[(r#" service="myws_ecl""#, "")],
    ),
    mutant(
        Rule::UnknownLdapServer,
        "Software/EspProcess[@name='myesp']/Authentication/@ldapServer",
        &[(r#"ldapServer="myldap""#, r#"ldapServer="gone""#)],
    ),
    mutant(
        Rule::LdapWithoutServer,
        "Software/EspProcess[@name='myesp']/Authentication/@ldapServer",
        &[(r#"ldapServer="myldap" "#, "")],
    ),
    mutant(
        Rule::UnknownThorCluster,
        "Software/BackupNodeProcess[@name='mybackupnode']/NodeGroup[@name='gone']/@name",
        &[("</BackupNodeProcess>", r#"<NodeGroup name="gone"/></BackupNodeProcess>"#)],
    ),
    mutant(
        Rule::UnknownComponent,
        "Software/RoxieCluster[@name='myroxie']/@siteCertificate",
        &[("numChannels=", r#"siteCertificate="gone" numChannels="#)],
    ),
    mutant(
        Rule::UnknownServiceTarget,
        "Software/EspService[@name='EclWatch']/@defaultTargetCluster",
        &[(r#"name="EclWatch"><"#, r#"name="EclWatch" defaultTargetCluster="gone"><"#)],
    ),
    mutant(
        Rule::UnknownServiceTarget,
        "Software/EspService[@name='EclWatch']/Target[@name='gone']/@name",
        &[(r#"name="EclWatch"><"#, r#"name="EclWatch"><Target name="gone"/><"#)],
    ),
    mutant(
        Rule::UnknownDropZoneServer,
        "Software/DropZone[@name='mydropzone']/ServerList[@server='10.8.0.9']/@server",
        &[(r#"<ServerList server="10.8.0.2"/>"#, r#"<ServerList server="10.8.0.9"/>"#)],
    ),
    mutant(
        Rule::DropZoneWithoutServer,
        "Software/DropZone[@name='olddropzone']",
        &[(r#"computer="web" directory="/data/in""#, r#"directory="/data/in""#)],
    ),
    mutant(
        Rule::DuplicateTopologyCluster,
        "Software/Topology[@name='topology']/Cluster[@name='thor'][2]/@name",
        &[(r#"name="roxie" prefix"#, r#"name="thor" prefix"#)],
    ),
    mutant(
        Rule::UnknownTopologyProcess,
        "Software/Topology[@name='topology']/Cluster[@name='hthor']/ThorCluster[@process='gone']/@process",
        &[(
            r#"name="hthor" prefix="hthor">"#,
            r#"name="hthor" prefix="hthor"><ThorCluster process="gone"/>"#,
        )],
    ),
    mutant(
        Rule::IncompleteTopologyCluster,
        "Software/Topology[@name='topology']/Cluster[@name='none']",
        &[("</Topology>", r#"<Cluster name="none"/></Topology>"#)],
    ),
    mutant(
        Rule::NotInTopology,
        "Software/RoxieCluster[@name='myroxie']",
        &[(r#"<RoxieCluster process="myroxie"/>"#, "")],
    ),
    mutant(
        Rule::BadNumber,
        "Software/ThorCluster[@name='mythor']/@slavesPerNode",
        &[(r#"slavesPerNode="2""#, r#"slavesPerNode="abc""#)],
    ),
    mutant(
        Rule::BadNumber,
        "Software/RoxieCluster[@name='myroxie']/RoxieFarmProcess[@name='farm1']/@port",
        &[(r#"port="9876""#, r#"port="98760""#)],
    ),
    mutant(
        Rule::BadNumber,
        "Software/ThorCluster[@name='mythor']/@slaveport",
        &[(r#"slaveport="20100""#, r#"slaveport="65500""#)],
    ),
    mutant(
        Rule::BadBoolean,
        "Software/ThorCluster[@name='mythor']/@replicateAsync",
        &[(r#"replicateAsync="true""#, r#"replicateAsync="ture""#)],
    ),
    mutant(
        Rule::NoDirectories,
        "Software",
        &[("<Directories", "<Dirs"), ("</Directories>", "</Dirs>")],
    ),
    mutant(
        Rule::NoDirectories,
        "Software/Directories/@name",
        &[(r#"<Directories name="HPCCSystems">"#, "<Directories>")],
    ),
    mutant(
        Rule::DuplicateDirectory,
        "Software/Directories[@name='HPCCSystems']/Category[@name='lock'][2]/@name",
        &[("</Directories>", r#"<Category dir="/l/[INST]" name="lock"/></Directories>"#)],
    ),
    mutant(
        Rule::DuplicateDirectory,
        "Software/Directories[@name='more']",
        &[(
            "<DropZone build=\"one\" buildSet=\"DropZone\" computer",
            "<Directories name=\"more\"/><DropZone build=\"one\" buildSet=\"DropZone\" computer",
        )],
    ),
    mutant(
        Rule::SharedDirectory,
        "Software/Directories[@name='HPCCSystems']/Category[@name='run']/@dir",
        &[("/var/lib/[NAME]/[INST]\"", "/var/lib/[NAME]\"")],
    ),
    mutant(
        Rule::SharedDirectory,
        "Software/Directories[@name='HPCCSystems']/Category[@name='log']/Override/@dir",
        &[(r#"dir="/fast/log/[INST]" instance="myroxie""#, r#"dir="/fast/log""#)],
    ),
    mutant(
        Rule::ThorWithoutMaster,
        "Software/ThorCluster[@name='mythor']",
        &[(r#"<ThorMasterProcess computer="support" name="m1"/>"#, "")],
    ),
    mutant(
        Rule::SeveralThorMasters,
        "Software/ThorCluster[@name='mythor']/ThorMasterProcess[@name='m2']",
        &[("</ThorCluster>", r#"<ThorMasterProcess computer="web" name="m2"/></ThorCluster>"#)],
    ),
    mutant(
        Rule::ThorWithoutSlaves,
        "Software/ThorCluster[@name='mythor']",
        &[
            (r#"<ThorSlaveProcess computer="thor-a" name="s1"/>"#, ""),
            (r#"<ThorSlaveProcess computer="thor-b" name="s2"/>"#, ""),
            // Something must be on the slaves' machines.
            (r#"<ServerList server="10.8.0.2"/>"#, r#"<ServerList server="10.8.2.1"/>"#),
        ],
    ),
    mutant(
        Rule::ThorComputerMismatch,
        "Software/ThorCluster[@name='mythor']/@computer",
        &[(r#"computer="support" daliServers"#, r#"computer="web" daliServers"#)],
    ),
    mutant(
        Rule::LocalThor,
        "Software/ThorCluster[@name='mythor']/@localThor",
        &[(r#"localThor="false""#, r#"localThor="true""#)],
    ),
    mutant(
        Rule::ReplicateWithoutPeer,
        "Software/ThorCluster[@name='mythor']/@replicateOutputs",
        &[
            (r#"<ThorSlaveProcess computer="thor-a" name="s1"/>"#, ""),
            (r#"<ServerList server="10.8.0.2"/>"#, r#"<ServerList server="10.8.2.1"/>"#),
        ],
    ),
    mutant(
        Rule::ReplicateWithoutBackupnode,
        "Software/ThorCluster[@name='mythor']/@replicateOutputs",
        &[(
            r#"<Instance computer="thor-b" directory="/var/lib/HPCCSystems/mybackupnode" name="s1" netAddress="10.8.2.2"/>"#,
            "",
        )],
    ),
    mutant(
        Rule::BackupnodeOnThorMaster,
        "Software/BackupNodeProcess[@name='mybackupnode']/Instance[@name='s1']/@computer",
        &[(
            r#"<Instance computer="thor-b" directory="/var/lib/HPCCSystems/mybackupnode" name="s1" netAddress="10.8.2.2"/>"#,
            r#"<Instance computer="support" directory="/var/lib/HPCCSystems/mybackupnode" name="s1" netAddress="10.8.0.1"/>"#,
        )],
    ),
    mutant(
        Rule::RoxieWithoutServers,
        "Software/RoxieCluster[@name='myroxie']",
        &[
            (
                r#"<RoxieServerProcess computer="roxie-a" name="roxie-a" netAddress="10.8.1.1"/>"#,
                "",
            ),
            (
                r#"<RoxieServerProcess computer="roxie-b" name="roxie-b" netAddress="10.8.1.2"/>"#,
                "",
            ),
            // Something must be on the servers' machines.
            (r#"<ServerList server="10.8.0.1"/>"#, r#"<ServerList server="10.8.1.1"/>"#),
            (r#"<ServerList server="10.8.0.2"/>"#, r#"<ServerList server="10.8.1.2"/>"#),
        ],
    ),
    mutant(
        Rule::RoxieWithoutFarm,
        "Software/RoxieCluster[@name='myroxie']",
        &[
            (
                r#"<RoxieFarmProcess listenQueue="200" name="farm1" numThreads="30" port="9876"/>"#,
                "",
            ),
            (r#"<RoxieFarmProcess listenQueue="200" name="farm2" numThreads="30" port="0"/>"#, ""),
        ],
    ),
    mutant(
        Rule::RoxieCopies,
        "Software/RoxieCluster[@name='myroxie']/@numDataCopies",
        &[(r#"numDataCopies="1""#, r#"numDataCopies="3""#)],
    ),
    mutant(
        Rule::PortCollision,
        "Software/SashaServerProcess[@name='mysasha']/Instance[@name='s1']/@port",
        &[(r#"port="8877""#, r#"port="7070""#)],
    ),
    mutant(
        Rule::PortCollision,
        "Software/DaliServerProcess[@name='mydali']/Instance[@name='s1']/@port",
        &[(r#"port="7070""#, r#"port="7100""#)],
    ),
    mutant(
        Rule::PortCollision,
        "Software/ThorCluster[@name='other']/ThorSlaveProcess[@name='s1']",
        &[
            (
                "<Topology build",
                r#"<ThorCluster build="one" buildSet="thor" computer="support" daliServers="mydali" masterport="21000" slaveport="20130" name="other"><ThorMasterProcess computer="support"/><ThorSlaveProcess computer="thor-a" name="s1"/></ThorCluster><Topology build"#,
            ),
            (
                r#"<ThorCluster process="mythor"/>"#,
                r#"<ThorCluster process="mythor"/><ThorCluster process="other"/>"#,
            ),
        ],
    ),
    mutant(
        Rule::PortCollision,
        "Software/EspProcess[@name='myesp']/EspBinding[@name='queries']/@port",
        &[(r#"port="18002""#, r#"port="8010""#)],
    ),
    mutant(
        Rule::DuplicateBindingPort,
        "Software/EspProcess[@name='myesp']/EspBinding[@name='more']/@port",
        &[(
            r#"<EspBinding name="queries""#,
            r#"<EspBinding name="more" port="8010" protocol="http" service="myws_ecl"/><EspBinding name="queries""#,
        )],
    ),
    mutant(
        Rule::BadOperatingSystem,
        "Hardware/ComputerType[@name='box']/@opSys",
        &[(r#"opSys="linux""#, r#"opSys="beos""#)],
    ),
    mutant(
        Rule::DuplicateDomain,
        "Hardware/Domain[@name='cluster'][2]/@name",
        &[("<Switch", r#"<Domain name="cluster"/><Switch"#)],
    ),
    mutant(
        Rule::UnknownDomain,
        "Hardware/Computer[@name='web']/@domain",
        &[(
            r#"netAddress="10.8.0.2" computerType="box" domain="cluster""#,
            r#"netAddress="10.8.0.2" computerType="box""#,
        )],
    ),
    mutant(
        Rule::MissingName,
        "Software/EspProcess[@name='myesp']/Instance[@computer='web']/@name",
        &[(
            r#"directory="/var/lib/HPCCSystems/myesp" name="s1""#,
            r#"directory="/var/lib/HPCCSystems/myesp""#,
        )],
    ),
    mutant(
        Rule::DuplicateInstanceName,
        "Software/FTSlaveProcess[@name='myftslave']/Instance[@name='s1'][2]/@name",
        &[(
            r#"directory="/var/lib/HPCCSystems/myftslave" name="s2""#,
            r#"directory="/var/lib/HPCCSystems/myftslave" name="s1""#,
        )],
    ),
    mutant(
        Rule::DuplicateBuild,
        "Programs/Build[@name='one']/BuildSet[@name='sasha'][2]/@name",
        &[("</Build>", r#"<BuildSet name="sasha"/></Build>"#)],
    ),
    mutant(
        Rule::DuplicateBuild,
        "Programs/Build[@name='one'][2]/@name",
        &[("</Programs>", r#"<Build name="one"/></Programs>"#)],
    ),
    mutant(
        Rule::MissingDirectory,
        "Software/RoxieCluster[@name='myroxie']/@directory",
        &[(r#"directory="/var/lib/HPCCSystems/myroxie" name"#, "name")],
    ),
    mutant(
        Rule::AddressMismatch,
        "Software/SashaServerProcess[@name='mysasha']/Instance[@name='s1']/@netAddress",
        &[(r#"netAddress="10.8.0.1" port="8877""#, r#"port="8877""#)],
    ),
    mutant(
        Rule::ThorWithoutComputer,
        "Software/ThorCluster[@name='mythor']/@computer",
        &[(r#"computer="support" daliServers"#, "daliServers")],
    ),
    mutant(
        Rule::PortCollision,
        "Software/EspProcess[@name='myesp']/EspBinding[@name='more']/@port",
        &[(
            r#"<EspBinding name="queries""#,
            r#"<EspBinding name="more" port="8010" protocol="http" service="EclWatch"/><EspBinding name="queries""#,
        )],
    ),
    mutant(
        Rule::BindingWithoutPort,
        "Software/EspProcess[@name='myesp']/EspBinding[@name='queries']/@port",
        &[(r#" port="18002""#, "")],
    ),
    mutant(
        Rule::ThorSlaveOnRoxie,
        "Software/ThorCluster[@name='mythor']/ThorSlaveProcess[@name='s3']/@computer",
        &[("</ThorCluster>", r#"<ThorSlaveProcess computer="roxie-b" name="s3"/></ThorCluster>"#)],
    ),
    mutant(
        Rule::ThorMasterAmongSlaves,
        "Software/ThorCluster[@name='mythor']/ThorMasterProcess[@name='m1']/@computer",
        &[
            (r#"<ThorMasterProcess computer="support""#, r#"<ThorMasterProcess computer="thor-a""#),
            (r#"computer="support" daliServers"#, r#"computer="thor-a" daliServers"#),
        ],
    ),
    mutant(
        Rule::ThorMasterOnRoxie,
        "Software/ThorCluster[@name='mythor']/ThorMasterProcess[@name='m1']/@computer",
        &[
            (
                r#"<ThorMasterProcess computer="support""#,
                r#"<ThorMasterProcess computer="roxie-a""#,
            ),
            (r#"computer="support" daliServers"#, r#"computer="roxie-a" daliServers"#),
        ],
    ),
    mutant(
        Rule::DaliOnWorker,
        "Software/DaliServerProcess[@name='mydali']/Instance[@name='s1']/@computer",
        &[(
            r#"<Instance computer="support" directory="/var/lib/HPCCSystems/mydali" name="s1" netAddress="10.8.0.1""#,
            r#"<Instance computer="roxie-a" directory="/var/lib/HPCCSystems/mydali" name="s1" netAddress="10.8.1.1""#,
        )],
    ),
];

/// Faults that only count on pods. The addresses are names there.
pub(super) const ON_PODS: &[Mutant] = &[
    mutant(
        Rule::RoxieMulticast,
        "Software/RoxieCluster[@name='myroxie']/@roxieMulticastEnabled",
        &[(r#"roxieMulticastEnabled="false""#, r#"roxieMulticastEnabled="true""#)],
    ),
    mutant(
        Rule::RoxieMulticast,
        "Software/RoxieCluster[@name='myroxie']/@roxieMulticastEnabled",
        &[(r#" roxieMulticastEnabled="false""#, "")],
    ),
    mutant(
        Rule::RoxieCopyResources,
        "Software/RoxieCluster[@name='myroxie']/@copyResources",
        &[(r#"copyResources="true""#, r#"copyResources="false""#)],
    ),
    mutant(
        Rule::UnstableAddress,
        "Hardware/Computer[@name='web']/@netAddress",
        &[("web-0.hpcc", "10.8.0.2")],
    ),
    mutant(
        Rule::ThorWithoutReplicas,
        "Software/ThorCluster[@name='mythor']/@replicateOutputs",
        &[(r#"replicateOutputs="true""#, r#"replicateOutputs="false""#)],
    ),
];
