# Shared by build-deb and build-rpm: one copy of the source and one build folder for both, so that the programs are
# compiled once. Source it with $root set.
work=${MILTER_PACKAGE_DIR:-$root/build/package}
source_copy=$work/source
objects=$work/objects

# The files as they are in git (with changes), or all but build/ where there is no git; unchanged ones keep their time.
copy_source() {
    mkdir -p "$objects"
    (
        cd "$root" || exit 1
        if git -c safe.directory="$root" rev-parse --git-dir >/dev/null 2>&1; then
            git -c safe.directory="$root" ls-files -z --cached --others --exclude-standard |
                while IFS= read -r -d '' file; do if [[ -e $file ]]; then printf '%s\0' "$file"; fi; done
        else
            find . -path ./build -prune -o -path ./.git -prune -o \( -type f -o -type l \) -print0
        fi
    ) >"$work/files"
    rm -rf "$source_copy" # with what is gone by now, and what a package built before left in it
    mkdir "$source_copy"
    tar -C "$root" --no-recursion --null --files-from="$work/files" -cf - | tar -C "$source_copy" -xf -
}
