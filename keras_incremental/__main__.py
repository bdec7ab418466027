from keras_incremental.cli import main

main()
