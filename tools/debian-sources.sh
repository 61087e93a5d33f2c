# Sourced: `debian_sources` prints this host's own Debian sources, one line for each, so that no mirror is named by us.
debian_sources() {
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' | sort -u
}
