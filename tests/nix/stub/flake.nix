{
  description = "A nixpkgs of names, for tests: no source, no network, nothing to build";

  outputs = _: { lib = import ./lib.nix; };
}
