# The functions of nixpkgs' lib that flake.nix calls; another one is an error, as a misspelled one is.
rec {
  inherit (builtins) concatMap concatStringsSep;
  genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
  getName = package: package.pname;
  getLib = package: package.lib or package.out;
  makeLibraryPath = packages: concatStringsSep ":" (map (package: "${getLib package}/lib") packages);
}
