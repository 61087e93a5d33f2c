# seed.size: what each tier gives a machine.  The same table as in core/model/instance_spec.cpp.
{
  xs = { vcpus = 1; memory = 512; };     # memory in MiB
  s = { vcpus = 1; memory = 1024; };
  m = { vcpus = 2; memory = 2048; };
  l = { vcpus = 4; memory = 4096; };
  xl = { vcpus = 8; memory = 8192; };
}
