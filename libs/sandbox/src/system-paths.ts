/** Programs and libraries of the system. */
export const programPaths = ['/usr', '/lib', '/lib32', '/lib64', '/bin', '/sbin'] as const;

/**
 * What every program may read: how names, users, time zones, certificates and shared libraries are found; the kernel's
 * own view of the machine; the devices that give nothing away. Missing ones are passed over.
 *
 * `/proc` and `/sys` stand here whole: a rule for a single file of procfs is forgotten when the kernel drops the file
 * from its cache. Of the processes outside of its run a collector still sees no more than `ps` shows.
 */
export const systemReadPaths: readonly string[] = [
  ...['/etc/ssl', '/etc/ca-certificates', '/etc/ca-certificates.conf', '/etc/pki', '/etc/crypto-policies'],
  ...['/etc/resolv.conf', '/run/systemd/resolve', '/etc/hosts', '/etc/host.conf', '/etc/hostname'],
  ...['/etc/nsswitch.conf', '/etc/gai.conf', '/etc/services', '/etc/protocols', '/etc/networks'],
  ...['/etc/passwd', '/etc/group', '/etc/localtime', '/etc/timezone', '/etc/mime.types', '/etc/magic'],
  ...['/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/etc/alternatives', '/etc/os-release'],
  ...['/etc/lsb-release', '/etc/debian_version', '/etc/redhat-release', '/etc/mtab', '/etc/machine-id'],
  ...['/etc/locale.alias', '/etc/terminfo', '/etc/iproute2', '/etc/python3', '/etc/fonts'],
  ...['/proc', '/sys'],
  ...['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'],
];
