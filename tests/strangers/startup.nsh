fs0:
cp source.bin copy.bin
comp source.bin copy.bin
reset -s
