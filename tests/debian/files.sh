# coreutils, find, grep, sed, awk, sort, tar, gzip over a tree of 2,000 files.
cd "$(mktemp -d)"
mkdir tree
for d in $(seq 1 40); do
	mkdir tree/dir$d
	for f in $(seq 1 50); do echo "file $f of folder $d: $((d * f))" > tree/dir$d/file$f.txt; done
done
find tree -type f | wc -l
find tree -name 'file1*.txt' | sort | tail -3
find tree -type f -newer tree/dir1/file1.txt | wc -l | awk '{ print ($1 > 1000) }'
find tree -type f -exec cat {} + | awk '{ sum += $NF } END { print sum }'
grep -rl ': 100$' tree | sort | head -5
grep -rc folder tree/dir7 | sort | sed 's/:/ has /' | head -3
cat tree/*/*.txt | sort -t: -k2 -n | uniq -c | sort -rn | head -2 | awk '{ print $1 }'
tar czf tree.tar.gz tree
mkdir copy
tar xzf tree.tar.gz -C copy
diff -r tree copy/tree && echo "the copy is equal"
tar tzf tree.tar.gz | wc -l
gzip -t tree.tar.gz && echo "gzip says it is sound"
find tree -type f -print0 | sort -z | xargs -0 cat | sha256sum
find tree -type f -print0 | xargs -0 -n 100 md5sum | sort | md5sum
cp -a tree tree2; rm -rf tree; ls
mv tree2/dir1 tree2/renamed; ls tree2 | wc -l
du -s --apparent-size -b tree2 | awk '{ print ($1 > 10000) }'
ln -s tree2 link; readlink link; ls -d link/dir2
chmod 750 tree2; stat -c '%A %F' tree2
touch -d '2001-02-03 04:05:06 UTC' old; TZ=UTC stat -c %y old
dd if=/dev/zero of=zeroes bs=64k count=16 2>/dev/null; wc -c < zeroes; cksum zeroes
head -c 100000 /dev/urandom > noise; split -b 30000 noise part.; cat part.* | cmp - noise && echo "parts join"
rm -rf tree2 copy; ls | sort | tr '\n' ' '; echo
od -An -c <<< "abc"; rev <<< "drawer" 2>/dev/null; seq 10 | shuf --random-source=zeroes | wc -l
