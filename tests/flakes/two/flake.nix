# Two instances: web on port 80 and api on port 3000.  ./web.txt and ./api.txt are what they answer: changing one file changes one
# instance.  bb/busybox comes from make_flake.
{
  outputs = { self }: let
    bb = builtins.path { path = ./bb; name = "bb"; };
    instance = { name, port, text }: let
      page = builtins.path { path = text; name = "${name}.txt"; };
      toplevel = builtins.derivation {
        inherit name page;
        system = "x86_64-linux";
        builder = "${bb}/busybox";
        bb = "${bb}/busybox";
        port = toString port;
        args = [ "sh" "-ec" ''
          $bb mkdir -p $out/bin
          $bb cp $bb $out/bin/busybox
          $bb chmod 755 $out/bin/busybox
          for applet in sh httpd mkdir cp poweroff sync kill sleep cat; do $bb ln -s busybox $out/bin/$applet; done
          {
            echo "#!$out/bin/sh"
            echo "export PATH=$out/bin"
            echo 'stop() { sync; poweroff -f; }'
            echo 'trap stop TERM INT PWR USR2 38'
            echo 'mkdir -p /run/www'
            echo "cp $page /run/www/index.html"
            echo "httpd -f -p '[::]:$port' -h /run/www & server=\$!"
            echo "echo $name: serving on port $port"
            echo 'while kill -0 $server 2>/dev/null; do wait $server; done'
            echo 'stop'
          } > $out/init
          $bb chmod 755 $out/init
        '' ];
      };
    in {
      inherit toplevel;
      meta = { inherit name; size = "xs"; expose.http = { inherit port; protocol = "http"; }; };
    };
  in {
    seeds = {
      web = instance { name = "web"; port = 80; text = ./web.txt; };
      api = instance { name = "api"; port = 3000; text = ./api.txt; };
    };
  };
}
